"""What became of resource settings that an earlier run of the server was removing from running systems."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from virtcim.broker.call import Properties, Value
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Work
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping.resources import resource_for
from virtcim.profiles.elements import Setting
from virtcim.profiles.resumption import Waiting, host_of, identity_of

KIND = "removal"


def intent_of(targets: Sequence[Setting]) -> Intent:
    """What is kept of a removal."""
    facts: Properties = {
        **identity_of(targets[0].vm.host),
        "ids": [one.id for one in targets],
        "uuids": [one.vm.uuid for one in targets],
        "devices": [one.dev for one in targets],
        "defined": [one.configuration.defined for one in targets],
    }
    return Intent(KIND, facts)


def resume(world: Hosts, facts: Properties) -> Work:
    """The work of finding out; it waits as long as a guest may take to let go of a device."""
    waiting = Waiting()

    def run(_: Progress) -> Returned:
        host = host_of(world, facts, waiting)
        deadline = time.monotonic() + host.settings.detach_timeout
        while left := list(_left(host, facts)):
            if time.monotonic() >= deadline or waiting.cancelled.is_set():
                text = f"the server ended during the removal; left are {', '.join(left)}, and a guest may yet let go"
                raise Refused("Failed", text)
            waiting.pause()
        return Returned()

    return Work("", (), run, cancel=waiting.cancelled.set, leave=waiting.left.set)


def _left(host: Host, facts: Properties) -> Iterator[str]:
    """The InstanceIDs of what is still there, in the running system or in the definition."""
    columns = (_list(facts[name]) for name in ("ids", "uuids", "devices", "defined"))
    for name, uuid, device, defined in zip(*columns, strict=True):
        vm = host.refresh(str(uuid))
        documents = [] if vm is None else [vm.defined_document, *(() if defined else (vm.state_document,))]
        if any(document is not None and resource_for(document, str(device)) for document in documents):
            yield str(name)


def _list(value: Value) -> Iterable[Value]:
    return value if isinstance(value, list) else ()
