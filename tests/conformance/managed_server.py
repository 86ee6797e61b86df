"""The tiny server with a virtual system management service that works, or lies in ways a test chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, CIMParameter, Uint16
from pywbem_mock import FakedWBEMConnection, MethodProvider
from tests.conformance.small_server import add, change, find, path, small_connection

from virtcim.conformance.site import Site

NAMESPACE = "interop"
SYSTEM = "CIM_ManagedSystem"
MODEL = Path(__file__).with_name("managed.mof")
Returned = tuple[int, list[CIMParameter]]

# Ways to lie: what the service does although it should not.
NO_RESULT = "returns 0 without a ResultingSystem"
NO_DEFINITION = "cannot define systems"
KEEPS_SYSTEMS = "returns 0 from DestroySystem and keeps the system"
KEEPS_STATE = "returns 0 from RequestStateChange and keeps the state"
ODD_CODE = "returns 77 from DefineSystem with an unknown type"
ANY_TYPE = "defines systems of any type"
BY_JOB = "defines systems by a job"
FAILING_JOB = "defines systems by a job that fails"
STARTS_SYSTEMS = "leaves new systems active"


def _mark_embedded(connection: FakedWBEMConnection) -> None:
    """The MOF compiler of the mock leaves out what the mock then checks parameters for."""
    classes = connection.cimrepository.get_class_store(NAMESPACE)
    service = classes.get("CIM_VirtualSystemManagementService")
    for method in service.methods.values():
        for parameter in method.parameters.values():
            if "EmbeddedInstance" in parameter.qualifiers:
                parameter.embedded_object = "instance"
    classes.update(service.classname, service)


class Platform:
    """The virtual systems of the tiny server and the lies it tells about them."""

    def __init__(self, *lies: str) -> None:
        self.lies = lies
        self.connection = small_connection(MODEL.read_text())
        _mark_embedded(self.connection)
        self.connection.register_provider(ManagementProvider(self), NAMESPACE)
        self.connection.register_provider(StateProvider(self), NAMESPACE)

    def site(self) -> Site:
        """What the checks get to see; they wait for a moment only."""
        return Site(self.connection, write=True, patience=0.3)

    def define(self, settings: CIMInstance | None) -> Returned:
        """DefineSystem."""
        kind = settings.get("VirtualSystemType") if settings else None
        if NO_DEFINITION in self.lies:
            return 1, []
        if kind not in (None, "DMTF:KVM") and ANY_TYPE not in self.lies:
            return (77 if ODD_CODE in self.lies else 4), []
        system = self._make_system(str(settings["ElementName"]) if settings else "unnamed", kind or "DMTF:KVM")
        if BY_JOB in self.lies or FAILING_JOB in self.lies:
            return 4096, [CIMParameter("Job", "reference", value=self._make_job(system))]
        if NO_RESULT in self.lies:
            return 0, []
        return 0, [CIMParameter("ResultingSystem", "reference", value=system)]

    def _make_system(self, name: str, kind: str) -> CIMInstanceName:
        link = self.connection
        state = Uint16(2 if STARTS_SYSTEMS in self.lies else 3)
        system = add(
            link,
            SYSTEM,
            CreationClassName=SYSTEM,
            Name=name,
            ElementName=name,
            EnabledState=state,
        )
        head = add(
            link, "CIM_VirtualSystemSettingData", InstanceID=f"small:{name}", ElementName=name, VirtualSystemType=kind
        )
        add(link, "CIM_SettingsDefineState", ManagedElement=system, SettingData=head)
        add(link, "CIM_HostedDependency", Antecedent=path(link, "CIM_ComputerSystem", Name="node1"), Dependent=system)
        profile = path(link, "CIM_RegisteredProfile", InstanceID="small:vsp")
        add(link, "CIM_ElementConformsToProfile", ConformantStandard=profile, ManagedElement=system)
        states = path(link, "CIM_EnabledLogicalElementCapabilities")
        add(link, "CIM_ElementCapabilities", ManagedElement=system, Capabilities=states)
        return system

    def _make_job(self, system: CIMInstanceName) -> CIMInstanceName:
        state = Uint16(10 if FAILING_JOB in self.lies else 7)
        job = add(self.connection, "CIM_ConcreteJob", InstanceID=f"job:{system['Name']}", JobState=state)
        add(self.connection, "CIM_AffectedJobElement", AffectedElement=system, AffectingElement=job)
        return job

    def destroy(self, system: CIMInstanceName) -> Returned:
        """DestroySystem."""
        if KEEPS_SYSTEMS not in self.lies:
            for association in self.connection.References(system):
                self.connection.DeleteInstance(association.path)
            self.connection.DeleteInstance(system)
        return 0, []

    def request_state(self, system: CIMInstanceName, state: int) -> Returned:
        """RequestStateChange between Defined (3) and Active (2)."""
        now = find(self.connection, SYSTEM, Name=system["Name"])["EnabledState"]
        if state not in range(2, 12):
            return 5, []
        if state not in (2, 3):
            return 1, []
        if state == now:
            return 4097, []
        values = {"RequestedState": Uint16(state)}
        if KEEPS_STATE not in self.lies:
            values["EnabledState"] = Uint16(state)
        change(self.connection, SYSTEM, {"Name": system["Name"]}, **values)
        return 0, []


def _value(parameters: Any, name: str) -> Any:
    return parameters[name].value if name in parameters else None


class ManagementProvider(MethodProvider):  # type: ignore[misc, unused-ignore]
    """CIM_VirtualSystemManagementService of the tiny server."""

    provider_classnames = "CIM_VirtualSystemManagementService"

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.connection.cimrepository)
        self.platform = platform

    def InvokeMethod(self, methodname: str, localobject: CIMInstanceName, params: Any) -> Returned:
        """DefineSystem and DestroySystem."""
        del localobject
        if methodname == "DefineSystem":
            return self.platform.define(_value(params, "SystemSettings"))
        return self.platform.destroy(_value(params, "AffectedSystem"))


class StateProvider(MethodProvider):  # type: ignore[misc, unused-ignore]
    """CIM_ManagedSystem of the tiny server."""

    provider_classnames = SYSTEM

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.connection.cimrepository)
        self.platform = platform

    def InvokeMethod(self, methodname: str, localobject: CIMInstanceName, params: Any) -> Returned:
        """RequestStateChange."""
        del methodname
        return self.platform.request_state(localobject, int(_value(params, "RequestedState")))
