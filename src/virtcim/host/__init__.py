"""libvirt: connections, the inventory and the verbs. The only place that imports libvirt."""
