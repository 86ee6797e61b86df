"""libvirt documents as typed views over lxml elements."""
