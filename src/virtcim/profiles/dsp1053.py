"""DSP1053 Base Metrics: what is measured of systems, devices, hosts and pools, and each host's service for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.call import Call, Path, Properties
from virtcim.broker.provider import VIRT, End, Keys, Profile, Reference, Returned, model_path
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids, metrics
from virtcim.profiles.elements import host_class, kept
from virtcim.profiles.metrics_control import DISABLED, ENABLED, Collection, Shelf
from virtcim.profiles.metrics_model import Aggregation, Definition, Value, value_properties
from virtcim.profiles.metrics_requests import Requests
from virtcim.profiles.metrics_subjects import SUBJECTS, Subject
from virtcim.profiles.metrics_values import Metrics
from virtcim.profiles.of_host import OfHost, kept_of

SERVICE, CAPABILITIES = "Virt_MetricService", "Virt_MetricServiceCapabilities"
DEFINITION, VALUE = "CIM_BaseMetricDefinition", "CIM_BaseMetricValue"  # of any kind
PLAIN, AGGREGATED = ("Virt_BaseMetric", "Virt_AggregationMetric")
SUPPORTED = [2, 3, 4, 5, 6, 7]  # SupportedMethods: all of them
OF_VALUES = ("metricvalue", "metricforme", "metricinstance")
BOTH = 4  # MetricsControlTypes: one by one, and in bulk
CONTROLS = 5  # ElementEffects: Manages


@dataclass(frozen=True, eq=False)
class MetricService(OfHost):
    """The metric service of a host."""

    requests: Requests


@dataclass(frozen=True, eq=False)
class MetricCapabilities:
    """What the service of a host can do."""

    service: MetricService

    @property
    def platform(self) -> str:
        return self.service.platform


def make(world: Hosts, shelf: Shelf) -> Profile:
    """The profile over what is kept on the shelf of what is collected."""
    profile, measured = Profile("dsp1053"), Metrics(world, Collection(shelf))
    _declare_service(profile, measured)
    _declare_metrics(profile, measured)
    _declare_links(profile, measured)
    for subject in SUBJECTS:
        for classname in subject.classes:
            _declare_subject(profile, measured, subject, classname)
    _declare_methods(profile)
    return profile


def asks_for_values(call: Call) -> bool:
    """Whether a read names what values of metrics are found by: these should be of the moment."""
    if call.target is not None or "EnumerationContext" in call.parameters:  # what goes on was begun by a name
        return False
    named = (value if isinstance(value, str) else getattr(value, "classname", "") for value in call.parameters.values())
    return any(word in text.lower() for text in named for word in OF_VALUES)


# The service (clauses 7.5, 7.6)


def _declare_service(profile: Profile, measured: Metrics) -> None:
    def service(host: Host) -> MetricService:
        return kept_of(host, "_metric_service", lambda: MetricService(host, Requests(measured, host)))

    def capabilities(one: MetricService) -> MetricCapabilities:
        return kept(one, "_capabilities", lambda: MetricCapabilities(one))

    def all_capabilities(world: Hosts) -> Iterator[MetricCapabilities]:
        return (capabilities(service(host)) for host in world.hosts)

    def shown(one: MetricCapabilities) -> Properties:
        return capabilities_properties(one, measured.offered_on(one.service.host))

    profile.central(SERVICE, MetricService)
    profile.source(MetricService, lambda world: (service(host) for host in world.hosts))
    profile.source(MetricCapabilities, all_capabilities)
    profile.instance(SERVICE, of=MetricService)(service_properties)
    profile.instance(CAPABILITIES, of=MetricCapabilities)(shown)
    _link_service(profile, measured, service, capabilities)


def _link_service(
    profile: Profile,
    measured: Metrics,
    service: Callable[[Host], MetricService],
    capabilities: Callable[[MetricService], MetricCapabilities],
) -> None:
    profile.associate(
        "Virt_HostedService",
        End("Antecedent", "Virt_HostSystem", across=lambda host: [service(host)]),
        End("Dependent", SERVICE, across=lambda one: [one.host]),
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", SERVICE, across=lambda one: [capabilities(one)]),
        End("Capabilities", CAPABILITIES, across=lambda one: [one.service]),
    )
    profile.associate(
        "Virt_ServiceAffectsElement",
        End("AffectingElement", SERVICE, across=lambda one: measured.offered_on(one.host)),
        End("AffectedElement", DEFINITION, across=lambda one: map(service, measured.hosts_of(one))),
        properties=lambda *_: {"ElementEffects": [CONTROLS]},
    )


def service_properties(one: MetricService) -> Properties:
    return {
        "SystemCreationClassName": host_class(one.host),
        "SystemName": ids.host_token(one.host),
        "Name": ids.METRIC_SERVICE,
        "ElementName": "Metrics",
        "EnabledState": 2,  # Enabled
        "RequestedState": 12,  # Not Applicable
        "TransitioningToState": 12,
        "OperationalStatus": [2],  # OK
        "HealthState": 5,  # OK
        "Started": True,
    }


def capabilities_properties(one: MetricCapabilities, offered: Iterable[Definition]) -> Properties:
    kinds = ((found.metric.id, AGGREGATED if is_aggregated(found) else PLAIN) for found in offered)
    uris = [model_path(Path(f"{kind}Definition", (("Id", metric),), VIRT)) for metric, kind in kinds]
    return {
        "InstanceID": ids.host_scoped(one.service.host, ids.METRIC_CAPABILITIES),
        "ElementName": "Metric service capabilities",
        "ControllableMetrics": uris,
        "MetricsControlTypes": [BOTH] * len(uris),
        "SupportedMethods": SUPPORTED,
        "ElementNameEditSupported": False,
    }


# Definitions and values (clauses 7.1, 7.2)


def _declare_metrics(profile: Profile, measured: Metrics) -> None:
    def find_definition(_: Hosts, keys: Keys) -> list[Definition]:
        name = ids.parse_metric_id(str(keys["Id"]))
        return [one for one in measured.offered() if one.metric.name == name]

    def find_value(_: Hosts, keys: Keys) -> Iterator[Value]:
        return measured.find_value(str(keys["InstanceID"]))

    def find_aggregation(world: Hosts, keys: Keys) -> Iterator[Aggregation]:
        return (one for one in find_value(world, keys) if isinstance(one, Aggregation))

    profile.source(Definition, lambda _: measured.offered())
    profile.source(Value, lambda _: measured.values())
    profile.source(Aggregation, lambda _: measured.aggregations())
    # Whether a metric is collected, which its links tell, changes without the element.
    for kind, when in ((PLAIN, is_plain), (AGGREGATED, is_aggregated)):
        profile.instance(f"{kind}Definition", of=Definition, when=when, find=find_definition, volatile=True)(
            lambda one: metrics.definition(one.metric)
        )
    plain = profile.instance(f"{PLAIN}Value", of=Value, when=is_value, find=find_value, volatile=True)
    plain(value_properties)
    aggregated = profile.instance(f"{AGGREGATED}Value", of=Aggregation, find=find_aggregation, volatile=True)
    aggregated(value_properties)


def is_value(one: Value) -> bool:
    return not isinstance(one, Aggregation)


def is_aggregated(one: Definition) -> bool:
    return one.metric.function is not None


def is_plain(one: Definition) -> bool:
    return not is_aggregated(one)


# What holds them together (clauses 7.3, 7.4, 7.7)


def _declare_links(profile: Profile, measured: Metrics) -> None:
    profile.associate(
        "Virt_MetricInstance",
        End("Antecedent", DEFINITION, across=measured.values_by),
        End("Dependent", VALUE, across=lambda value: [value.definition]),
    )


def _declare_subject(profile: Profile, measured: Metrics, subject: Subject, classname: str) -> None:
    """The elements of one kind that are served as one class: by a wider one, many others would be looked at."""

    def is_served(element: Any) -> bool:
        return subject.holds(element) and subject.served(element) == classname

    def values(element: Any) -> Iterable[Value]:
        return measured.values_of(element) if is_served(element) else ()

    def element_of(value: Value) -> list[Any]:
        return [value.element] if value.subject is subject and is_served(value.element) else []

    profile.associate(
        "Virt_MetricDefForME",
        End(
            "Antecedent",
            classname,
            across=lambda one: measured.definitions_of(one) if is_served(one) else [],
            of=subject.type,
        ),
        End("Dependent", DEFINITION, across=lambda one: filter(is_served, measured.subjects(subject, one))),
        properties=partial(collected, measured),
    )
    profile.associate(
        "Virt_MetricForME",
        End("Antecedent", classname, across=values, of=subject.type),
        End("Dependent", VALUE, across=element_of),
    )


def collected(measured: Metrics, element: Any, definition: Definition) -> Properties:
    return {"MetricCollectionEnabled": ENABLED if measured.is_collected(element, definition) else DISABLED}


# The methods (clause 8)


def _declare_methods(profile: Profile) -> None:
    for name, run in (
        ("ShowMetrics", show_metrics),
        ("ShowMetricsByClass", show_metrics_by_class),
        ("ControlMetrics", control_metrics),
        ("ControlMetricsByClass", control_metrics_by_class),
        ("GetMetricValues", get_metric_values),
        ("ControlSampleTimes", control_sample_times),
    ):
        profile.method("CIM_MetricService", name)(run)
    for method in ("StartService", "StopService"):
        profile.leaves_out("CIM_Service", method, "a service is there as long as the server is")
    profile.leaves_out("CIM_Service", "ChangeAffectedElementsAssignedSequence", "metrics have no order")
    profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")


def show_metrics(service: MetricService, Subject: Reference | None, Definition: Reference | None) -> Returned:
    return service.requests.show(Subject, Definition)


def show_metrics_by_class(service: MetricService, Subject: Reference | None, Definition: Reference | None) -> Returned:
    return service.requests.show_class(Subject, Definition)


def control_metrics(
    service: MetricService,
    Subject: Reference | None,
    Definition: Reference | None,
    MetricCollectionEnabled: int | None,
) -> Returned:
    return service.requests.control(Subject, Definition, MetricCollectionEnabled)


def control_metrics_by_class(
    service: MetricService,
    Subject: Reference | None,
    Definition: Reference | None,
    MetricCollectionEnabled: int | None,
) -> Returned:
    return service.requests.control_class(Subject, Definition, MetricCollectionEnabled)


def get_metric_values(
    service: MetricService, Definition: Reference | None, Range: int | None, Count: int | None
) -> Returned:
    return service.requests.values(Definition, Range, Count)


def control_sample_times(
    service: MetricService,
    StartSampleTime: str | None,
    PreferredSampleInterval: str | None,
    RestartGathering: bool | None,
) -> Returned:
    return service.requests.sample(StartSampleTime, PreferredSampleInterval, RestartGathering)
