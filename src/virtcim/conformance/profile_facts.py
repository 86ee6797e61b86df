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
        "Indications",
        "Job Control",
        "KVM Redirection",
    }
)
# Autonomous profiles that a server always has something to conform to, and those the central instance comes and goes for.
ALWAYS_CENTRAL = ("System Virtualization", "Computer System", "WBEM Server", "Profile Registration")
