"""CIM to model and back, as tables."""
