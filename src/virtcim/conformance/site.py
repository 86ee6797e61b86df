"""The server under test as a client sees it: namespaces, profiles, hosts, virtual systems, associations."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, Protocol

from pywbem import CIMClass, CIMError, CIMInstance, CIMInstanceName, WBEMConnection, WBEMServer

from virtcim.conformance.paths import keys, local, same
from virtcim.conformance.verdict import Skipped, skip_unless

DMTF = 2
ETHERNET_SWITCH = 38
SYSTEM_VIRTUALIZATION = ("System Virtualization",)
VIRTUAL_SYSTEM = ("Virtual System", "Virtual System Profile")
VIRTUAL_SWITCH = ("Virtual Ethernet Switch", "Virtual Ethernet Switch Profile")

NOT_FOUND = 6
NOT_SUPPORTED = 7
ABSENT = (5, NOT_FOUND)


class Truth(Protocol):
    """What the platform itself says, for those who run the suite beside it; names are the platform's own."""

    def domains(self) -> Mapping[str, str]:
        """Name to state: running, paused, shutoff, saved, shutdown, pmsuspended or crashed."""

    def transients(self) -> Collection[str]:
        """The names of the systems without a persistent definition."""

    def run_id(self, name: str) -> int:
        """A number that stays while the system keeps running and changes when it is started anew."""

    def change(self, name: str, verb: str) -> None:
        """Suspend or resume the system behind the server's back (verb is suspend or resume)."""


class Site:
    """One WBEM server; enumerations are kept until forget()."""

    def __init__(
        self,
        connection: WBEMConnection,
        *,
        raw_url: str | None = None,
        write: bool = False,
        truth: Truth | None = None,
        expendable: bool = False,
        patience: float = 180.0,
    ) -> None:
        """raw_url: where to send hand-made messages, None if nowhere; patience: seconds to wait for jobs and states;
        expendable: the server was set up for the tests, even its Interop namespace may be put at risk."""
        self.cim = connection
        self.raw_url = raw_url
        self.write = write
        self.truth = truth
        self.expendable = expendable
        self.patience = patience
        self.run = uuid.uuid4().hex[:4]  # part of the names of all systems this run creates
        self.leftovers: list[str] = []
        self.setting_classes: dict[tuple[str, int | None], str] = {}  # by superclass and ResourceType, as found out
        self._kept: dict[tuple[str, ...], Any] = {}

    @classmethod
    def at(
        cls, url: str, user: str | None = None, password: str | None = None, verify: bool = True, **options: Any
    ) -> Site:
        """Connect to the server at the URL (scheme, host and port)."""
        credentials = (user, password or "") if user else None
        connection = WBEMConnection(url, credentials, no_verification=not verify, timeout=60)
        return cls(connection, raw_url=url, **options)

    def forget(self) -> None:
        """Drop what was kept of the server's instances."""
        self._kept = {kept: value for kept, value in self._kept.items() if kept[0] == "class"}

    @cached_property
    def interop(self) -> str:
        """The Interop namespace, found by pywbem's rules."""
        return str(WBEMServer(self.cim).interop_ns)

    @cached_property
    def namespace(self) -> str:
        """The implementation namespace: where the central instances of System Virtualization live."""
        for names in (SYSTEM_VIRTUALIZATION, VIRTUAL_SYSTEM):
            found = [path.namespace for path in self.central(*names) if path.namespace]
            if found:
                return str(found[0])
        populated = [name for name in WBEMServer(self.cim).namespaces if self.names("CIM_System", name)]
        return str(populated[0] if populated else self.cim.default_namespace)

    # registered profiles

    def profiles(self) -> list[CIMInstance]:
        """All CIM_RegisteredProfile instances."""
        return self.instances("CIM_RegisteredProfile", self.interop)

    def registered(self, *names: str) -> list[CIMInstance]:
        """The DMTF profiles registered under one of the names."""
        return [
            profile
            for profile in self.profiles()
            if profile.get("RegisteredOrganization") == DMTF and profile.get("RegisteredName") in names
        ]

    def require_profile(self, *names: str) -> list[CIMInstance]:
        """registered(), or the check is not applicable."""
        found = self.registered(*names)
        skip_unless(found, f"profile {names[0]} is not registered")
        return found

    def conforming(self, profile: CIMInstanceName) -> list[CIMInstanceName]:
        """What CIM_ElementConformsToProfile leads to from a registered profile."""
        found = self.across_names(profile, "CIM_ElementConformsToProfile", role="ConformantStandard")
        return [local(path, self.interop) for path in found]

    def central(self, *names: str) -> list[CIMInstanceName]:
        """The central instances of the profiles of these names, without repetition."""
        found: list[CIMInstanceName] = []
        for profile in self.registered(*names):
            found += [path for path in self.conforming(profile.path) if not any(same(path, kept) for kept in found)]
        return found

    # instances and classes

    def instances(self, classname: str, namespace: str | None = None) -> list[CIMInstance]:
        """All instances of the class; none where the class is unknown."""
        where = namespace or self.namespace
        kept = ("instances", where, classname)
        if kept not in self._kept:
            self._kept[kept] = _or_none(lambda: self.cim.EnumerateInstances(classname, where, LocalOnly=False))
        return list(self._kept[kept])

    def names(self, classname: str, namespace: str | None = None) -> list[CIMInstanceName]:
        """All instance paths of the class; none where the class is unknown."""
        where = namespace or self.namespace
        kept = ("names", where, classname)
        if kept not in self._kept:
            self._kept[kept] = _or_none(lambda: self.cim.EnumerateInstanceNames(classname, where))
        return list(self._kept[kept])

    def get(self, path: CIMInstanceName) -> CIMInstance:
        """The instance as it is now, with its path."""
        instance = self.cim.GetInstance(path, LocalOnly=False)
        instance.path = local(path, self.namespace)
        return instance

    def exists(self, path: CIMInstanceName) -> bool:
        """Whether GetInstance finds it."""
        try:
            self.cim.GetInstance(path, LocalOnly=False)
        except CIMError as error:
            if error.status_code in ABSENT:
                return False
            raise
        return True

    def cls(self, classname: str, namespace: str | None = None) -> CIMClass | None:
        """The class with inherited elements and qualifiers, None where it is unknown."""
        where = namespace or self.namespace
        kept = ("class", where, classname.lower())
        if kept not in self._kept:
            self._kept[kept] = _or_none(lambda: [self.cim.GetClass(classname, where, LocalOnly=False)])
        found = self._kept[kept]
        return found[0] if found else None

    def is_a(self, classname: str, ancestor: str, namespace: str | None = None) -> bool:
        """Whether the class is the ancestor or one of its subclasses."""
        current: str | None = classname
        while current and current.lower() != ancestor.lower():
            declared = self.cls(current, namespace)
            current = declared.superclass if declared else None
        return current is not None

    # associations; a class unknown where the source is has no instances there

    def across(
        self, source: CIMInstanceName, association: str, result: str | None = None, role: str | None = None
    ) -> list[CIMInstance]:
        """The instances at the other end of the association, role being the end the source is at."""
        return self._traverse(self.cim.Associators, source, association, result, role)

    def across_names(
        self, source: CIMInstanceName, association: str, result: str | None = None, role: str | None = None
    ) -> list[CIMInstanceName]:
        """The paths at the other end of the association, role being the end the source is at."""
        return self._traverse(self.cim.AssociatorNames, source, association, result, role)

    def _traverse(
        self,
        operation: Callable[..., Any],
        source: CIMInstanceName,
        association: str,
        result: str | None,
        role: str | None,
    ) -> list[Any]:
        if self.cls(association, source.namespace) is None:
            return []
        known = result is None or self.cls(result, source.namespace) is not None
        found = list(operation(source, AssocClass=association, ResultClass=result if known else None, Role=role))
        # The class may be known in the namespace of the other end only.
        return found if known else [one for one in found if self._is_of(one, str(result))]

    def _is_of(self, found: CIMInstance | CIMInstanceName, ancestor: str) -> bool:
        path = found.path if isinstance(found, CIMInstance) else found
        return self.is_a(path.classname, ancestor, path.namespace)

    def links(self, source: CIMInstanceName, association: str, role: str) -> list[CIMInstance]:
        """The association instances themselves, role being the end the source is at."""
        if self.cls(association, source.namespace) is None:
            return []
        return list(self.cim.References(source, ResultClass=association, Role=role))

    # the model

    def hosts(self) -> list[CIMInstanceName]:
        """The host systems: central instances of System Virtualization, else what virtual systems depend on."""
        central = self.central(*SYSTEM_VIRTUALIZATION)
        if central:
            return central
        found: list[CIMInstanceName] = []
        for link in self.instances("CIM_HostedDependency"):
            antecedent = local(link["Antecedent"], self.namespace)
            if self.is_a(antecedent.classname, "CIM_System") and not any(same(antecedent, kept) for kept in found):
                found.append(antecedent)
        return found

    def require_hosts(self) -> list[CIMInstanceName]:
        """hosts(), or the check is not applicable."""
        found = self.hosts()
        skip_unless(found, "the server has no host system")
        return found

    def systems(self) -> list[CIMInstance]:
        """Every computer system: hosts, virtual systems, switches."""
        found = self.instances("CIM_ComputerSystem")
        skip_unless(found, f"no CIM_ComputerSystem in {self.namespace}")
        return found

    def virtual_systems(self) -> list[CIMInstance]:
        """The systems that anything marks as virtual: a host below, DSP1057 conformance, or a VSSD as state."""
        marked = keys(self._marked_virtual(), self.namespace)
        hosts = keys(self.hosts(), self.namespace)
        return [
            system
            for system in self.instances("CIM_ComputerSystem")
            if keys([system.path], self.namespace) & (marked - hosts)
            and ETHERNET_SWITCH not in (system.get("Dedicated") or [])
        ]

    def _marked_virtual(self) -> list[CIMInstanceName]:
        marked = self.central(*VIRTUAL_SYSTEM)
        for host in self.hosts():
            marked += self.across_names(host, "CIM_HostedDependency", "CIM_ComputerSystem", "Antecedent")
        for link in self.instances("CIM_SettingsDefineState"):
            if self.is_a(link["SettingData"].classname, "CIM_VirtualSystemSettingData"):
                marked.append(link["ManagedElement"])
        return marked

    def require_virtual_systems(self) -> list[CIMInstance]:
        """virtual_systems(), or the check is not applicable."""
        found = self.virtual_systems()
        skip_unless(found, "the server has no virtual system")
        return found


def _or_none(call: Any) -> list[Any]:
    try:
        return list(call())
    except CIMError as error:
        if error.status_code in ABSENT:
            return []
        raise


def require_truth(site: Site) -> Truth:
    """The platform's own word, or the check is not applicable."""
    if site.truth is None:
        raise Skipped("no client can see this; needs the platform's own word")
    return site.truth


def cim_status(operation: Callable[[], object]) -> int:
    """The CIM status the operation ends with, 0 for success."""
    try:
        operation()
    except CIMError as error:
        return int(error.status_code)
    return 0
