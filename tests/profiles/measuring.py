"""A client of the metric service on the embedded node (DSP1053)."""

from __future__ import annotations

from typing import Any

from pywbem import CIMClassName, CIMInstance, CIMInstanceName, CIMParameter, Uint16, WBEMConnection

OK, FAILED = 0, 2
ENABLE, DISABLE, RESET = 2, 3, 4
CPU, PRESENTED, COUNT = "Host.CPUTime", "Memory.Presented", "VirtualSystem.ProcessorCount"
FUNCTIONS = {"Minimum": 2, "Maximum": 3, "Average": 4}
LONG_AGO, ONE_SECOND = "20260101000000.000000+000", "00000000000001.000000:000"


class Metrics:
    """A client of the metric service."""

    def __init__(self, conn: WBEMConnection) -> None:
        self.conn = conn
        (self.service,) = conn.EnumerateInstanceNames("CIM_MetricService")

    def call(self, method: str, /, **given: Any) -> tuple[int, dict[str, Any]]:
        code, out = self.conn.InvokeMethod(method, self.service, Params=list(given.items()))
        return int(code), dict(out)

    def control(self, state: int, **given: Any) -> int:
        return self.call("ControlMetrics", MetricCollectionEnabled=Uint16(state), **given)[0]

    def control_class(self, state: int, classname: str, **given: Any) -> int:
        named = {"Subject": CIMClassName(classname), **given}
        return self.call("ControlMetricsByClass", MetricCollectionEnabled=Uint16(state), **named)[0]

    def definition(self, name: str) -> CIMInstanceName:
        kind = "Aggregation" if name.rpartition(".")[2] in FUNCTIONS else "Base"
        keys = {"Id": f"virtcim:metric/{name}"}
        return CIMInstanceName(f"Virt_{kind}MetricDefinition", keys, namespace="root/virt")

    def system(self, name: str) -> CIMInstanceName:
        found = self.conn.EnumerateInstanceNames("CIM_ComputerSystem")
        return next(one for one in found if one["Name"] == name)

    def sample(self, start: str | None, interval: str | None, restart: bool = False) -> int:
        given = {"StartSampleTime": start, "PreferredSampleInterval": interval}
        known = {name: CIMParameter(name, "datetime", value=text) for name, text in given.items() if text}
        params = [*known.values(), ("RestartGathering", restart)]
        return int(self.conn.InvokeMethod("ControlSampleTimes", self.service, Params=params)[0])

    def host(self) -> CIMInstanceName:
        return self.conn.EnumerateInstanceNames("Test_HostSystem")[0]

    def values(self, element: CIMInstanceName) -> dict[str, CIMInstance]:
        """By name of the metric, with the value of its dimension."""
        found = self.conn.Associators(element, "CIM_MetricForME", ResultClass="CIM_BaseMetricValue")
        return {f"{one['ElementName']}{one['BreakdownValue'] or ''}": one for one in found}

    def states(self, element: CIMInstanceName) -> dict[str, int]:
        links = self.conn.References(element, "CIM_MetricDefForME")
        return {one["Dependent"]["Id"].partition("/")[2]: one["MetricCollectionEnabled"] for one in links}
