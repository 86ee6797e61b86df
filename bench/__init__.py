"""How fast the server is, in ratios: against libvirt itself, against a server that does nothing, against any other."""
