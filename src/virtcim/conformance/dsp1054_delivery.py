"""DSP1054 Indications: what a listener hears of changes that a check causes itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pywbem import CIMInstance, CIMInstanceName, WBEMListener

from virtcim.conformance.check import check
from virtcim.conformance.dsp1054 import Made, making
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import activate, temporary
from virtcim.conformance.verdict import expect, skip_unless

CHANGES = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"
PATIENCE = 30.0  # seconds that an indication may take
QUIET = 1.0  # seconds after which no more is expected


class Ears:
    """A listener, and what it has heard."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.heard: list[CIMInstance] = []
        host = own_address(site)
        port = _free_port(host)
        self.url = f"http://{host}:{port}"
        self.listener = WBEMListener(host, http_port=port)
        self.listener.add_callback(lambda indication, _sender: self.heard.append(indication))

    def wait(self, enough: Callable[[list[CIMInstance]], bool], what: str) -> list[CIMInstance]:
        """What has been heard, once that is enough and nothing more comes."""
        deadline = time.monotonic() + min(PATIENCE, self._site.patience)
        while not enough(list(self.heard)):
            expect(time.monotonic() < deadline, f"{what} is not told")
            time.sleep(0.05)
        time.sleep(QUIET)
        return list(self.heard)


def own_address(site: Site) -> str:
    """This machine's address as the server can reach it."""
    parts = urlsplit(site.cim.url)
    try:
        with socket.create_connection((parts.hostname or "localhost", parts.port or 5988), timeout=10) as connection:
            return str(connection.getsockname()[0])
    except OSError as error:
        skip_unless(False, f"no address to listen on: {error}")
        raise


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def listening(site: Site) -> Iterator[tuple[Made, Ears]]:
    """A listener, and what creates filters, destinations and subscriptions for it."""
    with making(site) as made:
        ears = Ears(site)
        ears.listener.start()
        try:
            yield made, ears
        finally:
            for path in [one for one in reversed(made.paths) if "Subscription" in one.classname]:
                made.delete(path)  # nobody is to send to a listener that has gone
            ears.listener.stop()


def subscribe(made: Made, destination: CIMInstanceName, query: str) -> str:
    """Subscribe a destination to a query; the name of the filter."""
    path = made.filter(Query=query, SourceNamespaces=[made.site.namespace])
    made.create("CIM_IndicationSubscription", Filter=path, Handler=destination)
    return str(path.keybindings["Name"])


def about(indications: list[CIMInstance], system: CIMInstanceName) -> list[CIMInstance]:
    """Those whose SourceInstance is the system."""
    return [one for one in indications if one["SourceInstance"].get("Name") == system.keybindings["Name"]]


@contextmanager
def activation(site: Site, *queries: str) -> Iterator[tuple[list[CIMInstance], CIMInstanceName, list[str]]]:
    """What is heard through each of the filters of a system that is activated, that system, and the filters' names."""
    with temporary(site) as system, listening(site) as (made, ears):
        destination = made.destination(Destination=ears.url)
        names = [subscribe(made, destination, query) for query in queries]
        activate(site, system)

        def told(heard: list[CIMInstance]) -> bool:
            return {one.get("IndicationFilterName") for one in about(heard, system)} >= set(names)

        yield ears.wait(told, f"the activation of {show(system)}"), system, names


@check("DSP1054-R12", write=True)
def sequence(site: Site) -> None:
    """Each destination gets sequence numbers from 0 without a gap under one context."""
    with activation(site, CHANGES) as (heard, _, _names):
        skip_unless(heard[0].get("SequenceNumber") is not None, "the server numbers no indications")
        contexts = {one.get("SequenceContext") for one in heard}
        expect(len(contexts) == 1 and None not in contexts, f"SequenceContext was {contexts}")
        numbers = sorted({int(one["SequenceNumber"]) for one in heard})
        expect(numbers == list(range(len(numbers))), f"SequenceNumber was {numbers}")


@check("DSP1054-R14", write=True)
def filter_and_time(site: Site) -> None:
    """An indication names the filter it passed and the time it was made at."""
    with activation(site, CHANGES) as (heard, _, names):
        for one in heard:
            expect(one.get("IndicationFilterName") == names[0], f"IndicationFilterName is {_shown(one)}")
            made = one.get("IndicationTime")
            expect(made is not None and not made.is_interval, f"IndicationTime is {made}")


def _shown(one: CIMInstance) -> Any:
    return one.get("IndicationFilterName")


@check("DSP1054-R15", write=True)
def two_filters(site: Site) -> None:
    """Two subscriptions of one destination through different filters bring two indications, numbered each."""
    with activation(site, CHANGES, CHANGES) as (heard, system, names):
        ours = about(heard, system)
        through = {name: [one for one in ours if one.get("IndicationFilterName") == name] for name in names}
        counts = {name: len(found) for name, found in through.items()}
        expect(len(set(counts.values())) == 1, f"through two filters of one query came {counts}")
        numbers = [one.get("SequenceNumber") for one in heard]
        expect(len(set(numbers)) == len(numbers) or None in numbers, f"SequenceNumber was {numbers}")


@check("DSP1054-R17", write=True)
def before_and_after(site: Site) -> None:
    """A modification carries the instance as it was before."""
    with activation(site, CHANGES) as (heard, system, _):
        for one in about(heard, system):
            before = one.get("PreviousInstance")
            expect(before is not None, "PreviousInstance is NULL")
            expect(
                before.get("Name") == system.keybindings["Name"], f"PreviousInstance is that of {before.get('Name')}"
            )
            named = set(one.get("ChangedPropertyNames") or []) & set(system.keybindings)
            expect(not named, f"ChangedPropertyNames holds keys: {named}")
