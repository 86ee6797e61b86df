"""What is measured, as definitions (DSP1053): tables only. Names are our own, as no registry of the DMTF has any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from virtcim.mapping import ids
from virtcim.mapping.table import Properties
from virtcim.mapping.units import BYTE, COUNT, KIB, PERCENT

NANOSECOND, SECOND, MIB_PER_SECOND = "second * 10^-9", "second", "byte / second * 2^20"
TEXTS = {
    NANOSECOND: "Nanoseconds",
    SECOND: "Seconds",
    KIB: "Kibibytes",
    BYTE: "Bytes",
    PERCENT: "Percent",
    COUNT: "Count",
    MIB_PER_SECOND: "Mebibytes per second",
}
# DataType, Calculable, ChangeType, TimeScope, GatheringType
REAL32, UINT16, UINT64 = 4, 11, 13
NON_CALCULABLE, SUMMABLE, NON_SUMMABLE = 1, 2, 3
NOT_APPLICABLE, COUNTER, GAUGE, SIMPLE_FUNCTION = 2, 3, 4, 5
POINT, INTERVAL, STARTUP = 2, 3, 4
PERIODIC, ON_REQUEST = 3, 4
FUNCTIONS = {"Minimum": 2, "Maximum": 3, "Average": 4}  # SimpleFunction

SYSTEM, PROCESSOR, DISK, ADAPTER, PORT, HOST = "VirtualSystem", "Processor", "Disk", "Ethernet", "SwitchPort", "Host"
POOL_WORDS = {PERCENT: "ProcessorPool", KIB: "MemoryPool", BYTE: "StoragePool", COUNT: "DevicePool"}
POOL_UNITS = {word: units for units, word in POOL_WORDS.items()}
STATISTICS = frozenset({"KVM"})  # the platforms whose driver has statistics of domains
KERNEL = frozenset({"KVM", "LXC", "Xen"})  # those that run on a kernel that tells of its memory


@dataclass(frozen=True)
class Metric:
    """One definition; `source` is libvirt's word for it, or ours where it is worked out.

    With a `dimension` there is a value for each of `sources`. Only `platforms` can measure it; None: all can.
    `asks` the guest for it, which is told to answer only while somebody collects it; `dear`: it takes calls of its own.
    With a `function` it is what the readings of the metric `base` come to.
    """

    name: str
    of: str
    source: str
    units: str
    scope: int = POINT
    data_type: int = UINT64
    calculable: int = SUMMABLE
    change: int = GAUGE
    platforms: frozenset[str] | None = STATISTICS
    dimension: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    asks: bool = False
    dear: bool = False
    function: int | None = None
    base: str = ""

    @property
    def collected(self) -> bool:
        """Whether it is collected before anybody has said anything."""
        return not self.asks and not self.dear and self.function is None

    @property
    def id(self) -> str:
        return ids.metric_id(self.name)

    def measured_on(self, platform: str) -> bool:
        return self.platforms is None or platform in self.platforms

    def readings(self, numbers: Mapping[str, float]) -> Iterator[tuple[tuple[str, str] | None, float]]:
        """What numbers by their sources tell of it, each with its dimension and the value of that."""
        for word, source in self.sources or (("", self.source),):
            if source in numbers:
                yield ((self.dimension, word) if self.dimension else None), numbers[source]


def _counters(of: str, units: str, **sources: str) -> Iterator[Metric]:
    for name, source in sources.items():
        yield Metric(f"{of}.{name}", of, source, units, STARTUP, change=COUNTER)


def _gauges(of: str, units: str, platforms: frozenset[str] | None = STATISTICS, **sources: str) -> Iterator[Metric]:
    for name, source in sources.items():
        yield Metric(f"{of}.{name}", of, source, units, platforms=platforms)


def _memory(name: str, source: str, **more: object) -> Metric:
    return Metric(f"Memory.{name}", SYSTEM, f"balloon.{source}", KIB, **more)  # type: ignore[arg-type]


def _rate(name: str, of: str, source: str, units: str, platforms: frozenset[str] | None = STATISTICS) -> Metric:
    real = REAL32 if units == PERCENT else UINT64
    return Metric(name, of, source, units, INTERVAL, real, NON_SUMMABLE, platforms=platforms)


def _of_guest() -> Iterator[Metric]:
    """What a guest tells of its own memory through the driver of its balloon."""
    for name, source in (
        ("GuestAvailable", "available"),
        ("GuestUnused", "unused"),
        ("GuestUsable", "usable"),
        ("DiskCaches", "disk_caches"),
    ):
        yield _memory(name, source, asks=True)
    for name, source in (("SwapIn", "swap_in"), ("SwapOut", "swap_out")):
        yield _memory(name, source, asks=True, scope=STARTUP, change=COUNTER)
    for name, source in (("MajorFaults", "major_fault"), ("MinorFaults", "minor_fault")):
        found = f"balloon.{source}"
        yield Metric(f"Memory.{name}", SYSTEM, found, COUNT, STARTUP, change=COUNTER, asks=True)


def _traffic(of: str) -> Iterator[Metric]:
    yield from _counters(of, BYTE, BytesReceived="rx.bytes", BytesTransmitted="tx.bytes")
    yield from _counters(of, COUNT, PacketsReceived="rx.pkts", PacketsTransmitted="tx.pkts")
    yield from _counters(of, COUNT, ReceiveErrors="rx.errs", TransmitErrors="tx.errs")
    yield from _counters(of, COUNT, ReceiveDrops="rx.drop", TransmitDrops="tx.drop")


def _pools() -> Iterator[Metric]:
    for word, units in POOL_UNITS.items():
        yield from _gauges(word, units, None, Capacity="capacity", Reserved="reserved", Available="available")
        yield from _gauges(word, COUNT if units == PERCENT else units, None, Consumed="consumed")
        ratio = Metric(f"{word}.OvercommitRatio", word, "ratio", PERCENT, POINT, REAL32, NON_SUMMABLE, platforms=None)
        yield ratio


MODES = (("User", "user"), ("System", "kernel"), ("Idle", "idle"), ("IOWait", "iowait"))
MEMORY_KINDS = (("Total", "total"), ("Free", "free"), ("Buffers", "buffers"), ("Cached", "cached"))
DISK_COUNTS = {"ReadOperations": "rd.reqs", "WriteOperations": "wr.reqs", "FlushOperations": "fl.reqs"}
DISK_TIMES = {"ReadTime": "rd.times", "WriteTime": "wr.times", "FlushTime": "fl.times"}

PLAIN: tuple[Metric, ...] = (
    *_counters(SYSTEM, NANOSECOND, CPUTime="cpu.time", CPUUserTime="cpu.user", CPUSystemTime="cpu.system"),
    *_counters(SYSTEM, NANOSECOND, CPUReadyTime="vcpu.delay"),
    _rate("VirtualSystem.CPUUtilization", SYSTEM, "busy", PERCENT),
    *_gauges(SYSTEM, COUNT, None, ProcessorCount="vcpu.current", MaxProcessorCount="vcpu.maximum"),
    *_gauges(SYSTEM, SECOND, Uptime="uptime"),
    Metric("VirtualSystem.DirtyRate", SYSTEM, "dirtyrate.megabytes_per_second", MIB_PER_SECOND, dear=True,
           calculable=NON_SUMMABLE),
    _memory("Configured", "maximum", platforms=None),
    _memory("Presented", "current", platforms=None),
    _memory("HostResident", "rss"),
    *_of_guest(),
    *_counters(PROCESSOR, NANOSECOND, Time="time", WaitTime="wait", ReadyTime="delay"),
    Metric("Processor.State", PROCESSOR, "state", COUNT, POINT, UINT16, NON_CALCULABLE, NOT_APPLICABLE),
    *_counters(DISK, COUNT, **DISK_COUNTS),
    *_counters(DISK, BYTE, ReadBytes="rd.bytes", WriteBytes="wr.bytes"),
    *_counters(DISK, NANOSECOND, **DISK_TIMES),
    *_gauges(DISK, BYTE, Allocation="allocation", Capacity="capacity", Physical="physical"),
    _rate("Disk.Latency", DISK, "latency", NANOSECOND),
    *_traffic(ADAPTER),
    *_traffic(PORT),
    Metric("Host.CPUTime", HOST, "", NANOSECOND, STARTUP, change=COUNTER, platforms=None, dimension="Mode",
           sources=MODES),
    _rate("Host.CPUUtilization", HOST, "busy", PERCENT, None),
    Metric("Host.Memory", HOST, "", KIB, platforms=KERNEL, dimension="Kind", sources=MEMORY_KINDS),
    *_gauges(HOST, COUNT, None, RunningVirtualSystems="running", DefinedVirtualSystems="defined"),
    *_pools(),
)  # fmt: skip
AGGREGATED = (
    *("VirtualSystem.CPUUtilization", "Memory.Presented", "Disk.Latency", "Host.CPUUtilization"),
    *(f"{word}.Consumed" for word in POOL_UNITS),
)


def _aggregations(base: Metric) -> Iterator[Metric]:
    for word, function in FUNCTIONS.items():
        name = f"{base.name}.{word}"
        yield replace(base, name=name, source=name, scope=INTERVAL, calculable=NON_SUMMABLE, change=SIMPLE_FUNCTION,
                      function=function, base=base.name)  # fmt: skip


ALL = (*PLAIN, *(each for one in PLAIN if one.name in AGGREGATED for each in _aggregations(one)))
METRICS: Mapping[str, Metric] = {one.name: one for one in ALL}
OF: Mapping[str, tuple[Metric, ...]] = {of: tuple(m for m in ALL if m.of == of) for of in {m.of for m in ALL}}


def definition(metric: Metric) -> Properties:
    """CIM_BaseMetricDefinition, or the class of aggregations below it."""
    return {
        "Id": metric.id,
        "Name": metric.name,
        "ElementName": metric.name,
        "DataType": metric.data_type,
        "Calculable": metric.calculable,
        "Units": TEXTS[metric.units],
        "ProgrammaticUnits": metric.units,
        "IsContinuous": metric.change != NOT_APPLICABLE,
        "ChangeType": metric.change,
        "TimeScope": metric.scope,
        "GatheringType": ON_REQUEST if metric.function is None else PERIODIC,
        **({} if metric.function is None else {"SimpleFunction": metric.function}),
        **({"BreakdownDimensions": [metric.dimension]} if metric.dimension else {}),
    }


def text(metric: Metric, number: float) -> str:
    """MetricValue: a whole number, of percent with two digits behind the point."""
    return f"{number:.2f}" if metric.data_type == REAL32 else str(int(number) % 2**64)
