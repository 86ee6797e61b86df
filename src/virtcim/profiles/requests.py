"""What a client's settings mean for a document, and how a call that fails half way leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.mapping import resources
from virtcim.mapping.resources import Domain, Kind, Resource
from virtcim.mapping.table import BadProperty


@contextmanager
def refusing(where: str) -> Iterator[None]:
    """A property that cannot be is the client's mistake; `where` is the parameter that holds it."""
    try:
        yield
    except BadProperty as bad:
        raise Refused("Invalid Parameter", f"{where}: {bad}") from bad


@contextmanager
def undoing() -> Iterator[ExitStack]:
    """What is put on the stack is done, last first, when the block fails, and dropped when it succeeds."""
    with ExitStack() as stack:
        yield stack
        stack.pop_all()


def given(instance: Instance) -> Properties:
    """The properties that a client gave: NULL leaves things as they are (DSP1042 clause 8.2)."""
    return {name: value for name, value in instance.properties.items() if value is not None}


def changes(properties: Properties, present: Properties) -> Properties:
    """What differs from the present: clients send back whole instances with a property or two changed."""
    return {name: value for name, value in properties.items() if value != present.get(name)}


def element(number: int) -> str:
    """How messages name an element of the ResourceSettings parameter."""
    return f"ResourceSettings[{number}]"


def put(document: Domain, instances: Sequence[Instance]) -> list[Resource]:
    """The settings as resources of the document: what there is one of is set, all else added. Errors: Refused."""
    views = []
    for number, instance in enumerate(instances):
        with refusing(element(number)):
            views.append(_put(document, instance))
    by_element = {(one.view.element, one.kind.name): one for one in resources.resources_of(document)}
    return [by_element[view.element, kind.name] for kind, view in views]


def _put(document: Domain, instance: Instance) -> tuple[Kind[Any], Any]:
    properties = given(instance)
    kind = kind_of(instance)
    view = resources.new_element(kind, properties, document)
    if not kind.single:
        document.add(view, inside="devices")
    return kind, view


def kind_of(instance: Instance) -> Kind[Any]:
    """The kind of resource a client means. Raises BadProperty."""
    properties = given(instance)
    numbers = properties.get("ResourceType"), properties.get("OtherResourceType")
    return resources.kind_for(*numbers, instance.classname, properties)  # type: ignore[arg-type]


def find(document: Domain, dev: str) -> Resource:
    """The resource of a key. Errors: Refused when it has gone."""
    found = resources.resource_for(document, dev)
    if found is None:
        raise Refused("Failed", f"the resource {dev} is gone")
    return found
