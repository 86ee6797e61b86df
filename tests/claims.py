"""Every claim of the allocation capabilities, and every non-claim, tried by a pywbem client on a system of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pywbem
from pywbem import CIMInstance, CIMInstanceName, WBEMConnection

OK, FAILED, INVALID, BAD_STATE = 0, 2, 4, 5
UNSUPPORTED, UNFIT = 1, 5  # of CreateGoalSettings
PROCESSOR, MEMORY, CONNECTION = 3, 4, 33  # ResourceType
SPECIFIC, GENERAL = 2, 3  # RequestTypesSupported
ENABLED, DISABLED, OFFLINE, QUIESCE = 2, 3, 6, 9
LABELS = ("InstanceID", "ElementName", "ChangeableType")
RASD = "CIM_ResourceAllocationSettingData"


@dataclass
class Claim:
    """What capabilities say of a pool, and the default that a request is made of."""

    pool: str
    capabilities: CIMInstance
    default: CIMInstance

    @property
    def name(self) -> str:
        return f"{self.pool} {self.capabilities.get('ResourceSubType') or ''}".strip()

    def adding(self, state: int) -> bool:
        return state in self.capabilities["SupportedAddStates"]

    def removing(self, state: int) -> bool:
        return state in self.capabilities["SupportedRemoveStates"]

    @property
    def requests(self) -> int:
        return int(self.capabilities["RequestTypesSupported"])


class Trial:
    """A system and the service that changes it."""

    def __init__(self, conn: WBEMConnection, service: CIMInstanceName, system: CIMInstanceName) -> None:
        self.conn, self.service, self.system = conn, service, system
        self.claims = list(claims(conn))

    def head(self) -> CIMInstanceName:
        """The State configuration."""
        (found,) = self.conn.AssociatorNames(
            self.system, "CIM_SettingsDefineState", ResultClass="CIM_VirtualSystemSettingData"
        )
        return found

    def settings(self) -> dict[str, CIMInstance]:
        found = self.conn.Associators(self.head(), "CIM_VirtualSystemSettingDataComponent", ResultClass=RASD)
        return {one["InstanceID"]: one for one in found}

    def add(self, asked: CIMInstance) -> tuple[int, list[CIMInstanceName]]:
        given = pywbem.CIMParameter(
            "ResourceSettings", "string", value=[asked], is_array=True, embedded_object="instance"
        )
        code, out = self.conn.InvokeMethod(
            "AddResourceSettings", self.service, Params=[("AffectedConfiguration", self.head()), given]
        )
        return int(code), list(out.get("ResultingResourceSettings") or [])

    def remove(self, paths: list[CIMInstanceName]) -> int:
        return int(self.conn.InvokeMethod("RemoveResourceSettings", self.service, ResourceSettings=paths)[0])

    def walk(self, state: int) -> list[str]:
        """What is not as claimed while the system is in a state; what was added stays only while it is running."""
        faults: list[str] = []
        for claim in self.claims:
            faults += self._adding(claim, state)
            faults += self._removing(claim, state)
            faults += self._wrong_kind(claim, state)
            faults += self._working_out(claim) if state == DISABLED else []
        return faults

    def _working_out(self, claim: Claim) -> Iterator[str]:
        """The default is what is worked out of nothing, and of itself; a pool of devices to be named cannot say."""
        path = claim.capabilities.path
        template = pywbem.CIMParameter(
            "TemplateGoalSettings", "string", value=[request(claim)], is_array=True, embedded_object="instance"
        )
        code, found = self.conn.InvokeMethod("CreateGoalSettings", path)
        number = claim.capabilities["ResourceType"]
        connection, plain = number == CONNECTION, claim.requests == GENERAL or number in (PROCESSOR, MEMORY)
        if code != (UNSUPPORTED if connection else OK):
            yield f"{claim.name}: works out {found} of nothing, and answers {code}"
        code, found = self.conn.InvokeMethod("CreateGoalSettings", path, Params=[template])
        fitting = (UNSUPPORTED,) if connection else (OK,) if plain else (OK, UNFIT)
        if code not in fitting:
            yield f"{claim.name}: works out {found} of its own default, and answers {code}"

    def _adding(self, claim: Claim, state: int) -> Iterator[str]:
        before = set(self.settings())
        code, new = self.add(request(claim))
        after = set(self.settings())
        if claim.adding(state) and claim.requests != SPECIFIC:
            if code != OK or not {one["InstanceID"] for one in new} <= after - before:
                yield f"{claim.name}: claims adding in {state}, answers {code} and adds {after - before}"
            if new and claim.removing(state) and state == DISABLED and self.remove(new) not in (OK, FAILED):
                yield f"{claim.name}: claims removing in {state}, and does not"
        elif code not in (FAILED, INVALID) or after != before:
            yield f"{claim.name}: does not claim adding in {state}, answers {code} and adds {after - before}"

    def _removing(self, claim: Claim, state: int) -> Iterator[str]:
        """What the system has of a pool whose capabilities do not name the state stays."""
        if claim.removing(state):
            return
        before = self.settings()
        for one in before.values():
            if one["PoolID"] == claim.pool:
                code = self.remove([one.path])
                if code not in (FAILED, INVALID, BAD_STATE) or set(self.settings()) != set(before):
                    yield f"{claim.name}: does not claim removing in {state}, and {one['InstanceID']} answers {code}"
                return

    def _wrong_kind(self, claim: Claim, state: int) -> Iterator[str]:
        """General requests name no resource of the host, specific ones do."""
        if claim.requests not in (SPECIFIC, GENERAL):
            return
        before = set(self.settings())
        given = request(claim)
        if claim.requests == GENERAL:
            given["HostResource"] = ["file:///nowhere"]
        code, _ = self.add(given)
        if code not in (FAILED, INVALID) or set(self.settings()) != before:
            yield f"{claim.name}: claims requests {claim.requests}, and answers the other kind {code} in {state}"


def request(claim: Claim) -> CIMInstance:
    """The default, as a client sends it back."""
    kept = {name: value for name, value in claim.default.items() if name not in LABELS and value is not None}
    return CIMInstance(claim.default.classname, kept)


def claims(conn: WBEMConnection) -> Iterator[Claim]:
    for pool in conn.EnumerateInstances("CIM_ResourcePool"):
        found = conn.Associators(pool.path, "CIM_ElementCapabilities", ResultClass="CIM_AllocationCapabilities")
        for one in found:
            links = conn.References(one.path, "CIM_SettingsDefineCapabilities", Role="GroupComponent")
            (path,) = [link["PartComponent"] for link in links if (link["ValueRole"], link["ValueRange"]) == (0, 0)]
            yield Claim(pool["PoolID"], one, conn.GetInstance(path))


def unlisted(conn: WBEMConnection, service: CIMInstanceName, capabilities: str, methods: dict[int, str]) -> list[str]:
    """Methods that no list names, and that answer other than 1 (Not Supported)."""
    (claimed,) = conn.Associators(service, "CIM_ElementCapabilities", ResultClass=capabilities)
    names = ("SynchronousMethodsSupported", "AsynchronousMethodsSupported")
    listed = {int(number) for name in names for number in claimed.get(name) or []}
    found: list[str] = []
    for number, method in methods.items():
        if number not in listed:
            code: Any = conn.InvokeMethod(method, service)[0]
            found += [] if code == 1 else [f"{method} is not claimed and answers {code}"]
    return found
