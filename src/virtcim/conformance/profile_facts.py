"""Which DMTF profiles are autonomous and which are components, by registered name."""

AUTONOMOUS = frozenset(
    {
        "System Virtualization",
        "Virtual System",
        "Virtual System Profile",
        "Computer System",
        "WBEM Server",
        "Profile Registration",
        "Virtual Ethernet Switch",
    }
)
COMPONENT = frozenset(
    {
        "Resource Allocation",
        "Allocation Capabilities",
        "Processor Resource Virtualization",
        "Memory Resource Virtualization",
        "Storage Resource Virtualization",
        "Ethernet Port Resource Virtualization",
        "Generic Device Resource Virtualization",
        "Virtual System Migration",
        "Power State Management",
        "Base Metrics",
        "Indications",
        "Job Control",
        "KVM Redirection",
    }
)
# Autonomous profiles whose central instance is always there once they are registered.
ALWAYS_CENTRAL = ("System Virtualization", "Computer System", "WBEM Server", "Profile Registration")
