"""docs/messages.md: every message of the registry, as `make docs` writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from virtcim import messages
from virtcim.broker.schema import Schema
from virtcim.messages import Entry

HEAD = """<!-- Made by make docs from src/virtcim/data/messages.yaml: do not edit. -->
# Messages

Errors and alerts carry a message: `OwningEntity` says whose it is, `MessageID` which one, `MessageArguments` what
varies in it, and `Message` is the text with the arguments filled in. These are virtcim's own; the DMTF's registry for
virtualization is not among them, so no message claims an id of it. An id stays with its message for ever.

| where | what carries the message |
|---|---|
| an operation or method that ends with a CIM status | `CIM_Error` in `ERROR`, for requests with `Accept` |
| a method that refuses by its return value | the header `WBEM-Reason-ID`, as `virtcim:VIRTCIM0403`, by `WBEM-Reason` |
| a job that has failed or was ended | `CIM_Error` of `GetError` and `GetErrors` |
| `CreateWBEMServerNamespace` | `CIM_Error` in `Errors` |
| an alert | `CIM_AlertIndication` |

DSP0201 has no place for a `CIM_Error` beside a return value. A server with the setting `legacy_errors` refuses by CIM
statuses instead, with a `CIM_Error` in each.

A text that has no message of its own is the argument of a general one, which stands for its CIM status, its return
value, or the failure of a job. What libvirt says stands in its own words. The users and passwords of URIs are left out.
"""
PARTS: tuple[tuple[str, Callable[[Entry], bool]], ...] = (
    ("Alerts", lambda one: one.alert_type is not None),
    ("Errors", lambda one: one.alert_type is None and not one.general),
    ("General messages", lambda one: one.general),
)
Table = Callable[..., Iterator[str]]


def text(schema: Schema, table: Table) -> str:
    """The page; names of numbers are those of the schema."""
    found = sorted(messages.registry().values(), key=lambda one: one.number)
    lines = [HEAD]
    for title, belongs in PARTS:
        lines += [f"## {title}", "", *table(*_columns(title), rows=_rows(filter(belongs, found), schema))]
    return "\n".join(lines).rstrip() + "\n"


def _columns(title: str) -> tuple[str, ...]:
    return "id", "text", "when", "what to do", "AlertType" if title == "Alerts" else "ErrorType", "PerceivedSeverity"


def _rows(found: Iterable[Entry], schema: Schema) -> Iterator[tuple[str, ...]]:
    for one in found:
        name = "CIM_AlertIndication" if one.alert_type is not None else "CIM_Error"
        properties = schema.get(name).properties
        kind = properties["alerttype" if one.alert_type is not None else "errortype"].values
        number = one.alert_type if one.alert_type is not None else one.error_type
        severity = properties["perceivedseverity"].values.get(str(one.severity), "as it happens")
        label = f"`{one.id}` {one.symbol}"
        yield label, _with_arguments(one), one.description, one.action, kind[str(number)], severity


def _with_arguments(one: Entry) -> str:
    """The template with the names of the arguments in italics."""
    return one.template.format("", *(f"*{name}*" for name in one.arguments))
