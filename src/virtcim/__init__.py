"""virtcim: libvirt's virtual machines as CIM objects, served over WBEM."""

__version__ = "0.1.0.dev0"
