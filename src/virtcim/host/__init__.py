"""libvirt behind plain values: connections, the immutable inventory, and the verbs; the only package that imports libvirt."""
