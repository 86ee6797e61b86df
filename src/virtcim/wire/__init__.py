"""Bytes to Call and back: CIM-XML (DSP0201) over HTTP (DSP0200). Knows no classes and no libvirt."""
