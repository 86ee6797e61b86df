"""CIM semantics: classes, operations, associations, methods. Knows nothing of libvirt or of CIM-XML."""
