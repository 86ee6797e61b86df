"""What services say of the jobs that their methods begin: what can be asked of them, and how long they stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args, get_type_hints

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, MethodProvider, Profile, Work
from virtcim.host.inventory import Host
from virtcim.mapping import ids
from virtcim.profiles.elements import kept
from virtcim.profiles.lookup import version

CAPABILITIES, SETTING = "CIM_JobCapabilities", "CIM_JobSettingData"
TERMINATE, KILL = 4, 5  # RequestedStatesSupported
SHORTEST, LONGEST = "00000000000000.000000:000", "99999999235959.999999:000"
DO_NOT_CONTINUE = 2  # RecoveryAction
NO_CHARACTERISTICS = "0"
YES = 1  # IsDefault, IsCurrent


@dataclass(frozen=True)
class Kind:
    """A class of services, made from a type, and its methods that may begin a job: those that can be killed apart."""

    classname: str
    of: type
    terminable: tuple[str, ...]
    killable: tuple[str, ...]

    def key(self, service: Any) -> str:
        """What tells a service from those of other hosts, platforms and classes."""
        host = service if isinstance(service, Host) else service.host
        return f"{host.platform}:{ids.host_token(host)}/{self.classname.partition('_')[2]}"


@dataclass(frozen=True, eq=False)
class JobCapabilities:
    """What can be asked of the jobs of some methods of a service."""

    service: object
    kind: Kind
    methods: tuple[str, ...]
    states: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class JobSetting:
    """How long the jobs of a service stay if nobody says otherwise."""

    service: object
    kind: Kind


def kinds_of(served: Iterable[Profile]) -> list[Kind]:
    """The services among what is served whose methods may begin a job, by what those are declared to return."""
    return [kind for profile in served for kind in _kinds_in(profile)]


def _kinds_in(profile: Profile) -> Iterator[Kind]:
    for one in profile.instances:
        word = one.classname.partition("_")[2]
        methods = [each for each in profile.methods if each.classname.partition("_")[2] == word and begins_job(each)]
        if word.endswith("Service") and methods:
            terminable, killable = (tuple(each.name for each in methods if each.kills is k) for k in (False, True))
            yield Kind(one.classname, one.of, terminable, killable)


def begins_job(method: MethodProvider) -> bool:
    """Whether it may answer with work."""
    found = get_type_hints(getattr(method.run, "func", method.run)).get("return")
    return Work in (get_args(found) or (found,))


def capabilities_of(kind: Kind, service: object) -> list[JobCapabilities]:
    rows = ((kind.terminable, (TERMINATE,)), (kind.killable, (TERMINATE, KILL)))
    made = partial(JobCapabilities, service, kind)
    return kept(service, f"_job_capabilities_{kind.key(service)}", lambda: [made(*row) for row in rows if row[0]])


def setting_of(kind: Kind, service: object) -> JobSetting:
    return kept(service, f"_job_setting_{kind.key(service)}", lambda: JobSetting(service, kind))


def declare(profile: Profile, served: Sequence[Profile], stay: str) -> None:
    """Both of each service; `stay` is the interval that a job stays after its end if nobody says otherwise."""
    kinds = kinds_of(served)
    sources = {kind: objects for one in served for kind, objects in one.sources.items()}

    def everything(make: Callable[[Kind, Any], Iterable[Any]], world: Any) -> Iterator[Any]:
        return (made for kind in kinds for service in sources[kind.of](world) for made in make(kind, service))

    profile.source(JobCapabilities, partial(everything, capabilities_of), follows=version)
    profile.source(JobSetting, partial(everything, lambda kind, one: [setting_of(kind, one)]), follows=version)
    profile.instance(CAPABILITIES, of=JobCapabilities)(job_capabilities)
    profile.instance(SETTING, of=JobSetting)(partial(job_setting, stay))
    for kind in kinds:
        _associate(profile, kind)


def _associate(profile: Profile, kind: Kind) -> None:
    def service(one: JobCapabilities | JobSetting) -> list[object]:
        return [one.service] if one.kind is kind else []

    profile.associate(
        "CIM_ElementCapabilities",
        End("ManagedElement", kind.classname, partial(capabilities_of, kind), of=kind.of),
        End("Capabilities", CAPABILITIES, service),
    )
    profile.associate(
        "CIM_ElementSettingData",
        End("ManagedElement", kind.classname, lambda one: [setting_of(kind, one)], of=kind.of),
        End("SettingData", SETTING, service),
        lambda *_: {"IsDefault": YES, "IsCurrent": YES},
    )


def job_capabilities(one: JobCapabilities) -> Properties:
    word = "kill" if KILL in one.states else "terminate"
    return {
        "InstanceID": ids.own_id("job-capabilities", f"{one.kind.key(one.service)}/{word}"),
        "ElementName": f"Jobs of {', '.join(one.methods)}",
        "DeleteJobSupported": True,
        "RequestedStatesSupported": [*one.states],
        "ApplicableMethods": [*one.methods],
        "Characteristics": [NO_CHARACTERISTICS],
        "DefaultValuesSupported": False,
        "TimeBeforeRemovalMin": SHORTEST,
        "TimeBeforeRemovalMax": LONGEST,
    }


def job_setting(stay: str, one: JobSetting) -> Properties:
    return {
        "InstanceID": ids.own_id("job-setting", one.kind.key(one.service)),
        "ElementName": "Jobs as they begin",
        "DeleteOnCompletion": True,
        "TimeBeforeRemoval": stay,
        "RecoveryAction": DO_NOT_CONTINUE,
    }
