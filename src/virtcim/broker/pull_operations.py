"""The Open, Pull and Close operations (DSP0200 clause 5.3.2.24) on top of the operations that answer at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from virtcim.broker.call import (
    Answer,
    Call,
    CIMError,
    ClassDef,
    ClassView,
    Form,
    Instance,
    Item,
    Status,
)
from virtcim.broker.operations import Operation
from virtcim.broker.pull import Owner, PullLimits, Sessions
from virtcim.broker.query import Query, parse_filter, parse_select
from virtcim.broker.schema import Schema
from virtcim.later import Later

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

Given = dict[str, Any]  # converted parameters by snake_case name
Plain = Callable[[str, str, Given], Answer]


@dataclass(frozen=True)
class _Wish:
    """What an Open operation asks of its session."""

    timeout: float
    count: int


class PullOperations:
    """Runs them; `plain(run, namespace, given)` answers the operation that an Open begins. Errors: CIMError."""

    def __init__(self, schema: Schema, plain: Plain, limits: PullLimits) -> None:
        self.sessions = Sessions(limits)
        self._schema = schema
        self._plain = plain

    def open(self, call: Call, operation: Operation, given: Given) -> Answer:
        """OpenEnumerateInstances and the like: filtered by FQL, answered in batches."""
        language, text = given.pop("filter_query_language"), given.pop("filter_query")
        if (language is None) is not (text is None):
            missing = "FilterQueryLanguage" if language is None else "FilterQuery"
            raise CIMError(Status.INVALID_PARAMETER, f"{operation.name}: {missing} is missing beside the other")
        wish = self._wish(given)
        wanted = None if text is None else parse_filter(self._schema, language, text, _source_class(given))
        if "instance_name" in given:
            given["object_name"] = given.pop("instance_name")
        answer = self._plain(operation.run, call.namespace, given)
        if wanted is not None:
            answer = replace(answer, items=_passing(answer, wanted))
        return self._opened(call, operation, answer, wish)

    def open_query(self, call: Call, operation: Operation, given: Given) -> Answer:
        """OpenQueryInstances: WQL or CQL."""
        wish = self._wish(given)
        language, text = given["filter_query_language"], given["filter_query"]
        answer = self._plain(operation.run, call.namespace, {"query_language": language, "query": text})
        if given["return_query_result_class"]:
            shown = _result_class(parse_select(self._schema, language, text), self._schema)
            answer = replace(answer, result_class=shown)
        return self._opened(call, operation, answer, wish)

    def pull(self, call: Call, operation: Operation, given: Given) -> Answer:
        """PullInstancesWithPath, PullInstancePaths, PullInstances."""
        context, count = given["enumeration_context"], given["max_object_count"]
        return self.sessions.pull(_owner(call), _form(operation), context, count)

    def close(self, call: Call, operation: Operation, given: Given) -> Answer:
        """CloseEnumeration."""
        self.sessions.close(_owner(call), given["enumeration_context"])
        return Answer(Form.NOTHING)

    def count(self, call: Call, operation: Operation, given: Given) -> Answer:
        """EnumerationCount: how many are left is not known before they are made, so it is NULL."""
        self.sessions.check(_owner(call), given["enumeration_context"])
        return Answer(Form.VALUE)

    def _wish(self, given: Given) -> _Wish:
        timeout = self.sessions.seconds(given.pop("operation_timeout"))
        if given.pop("continue_on_error"):
            text = "ContinueOnError is not supported: an error ends the enumeration"
            raise CIMError(Status.CONTINUATION_ON_ERROR_NOT_SUPPORTED, text)
        return _Wish(timeout, given.pop("max_object_count"))

    def _opened(self, call: Call, operation: Operation, answer: Answer, wish: _Wish) -> Answer:
        return self.sessions.open(_owner(call), replace(answer, form=_form(operation)), wish.timeout, wish.count)


def _owner(call: Call) -> Owner:
    return Owner(call.namespace, call.user, call.share)


def _form(operation: Operation) -> Form:
    if operation.form is None:
        raise LookupError(f"{operation.name} has no form")
    return operation.form


def _source_class(given: Given) -> str | None:
    """The class that the instances are known to be of."""
    classname: str | None = given.get("class_name") or given.get("result_class")
    return classname


def _passing(answer: Answer, wanted: Query) -> Iterator[object]:
    """A filter sees every property, also those that PropertyList hides."""
    return (item for item in answer.items if isinstance(item, Item | Instance) and wanted.matches(item))


def _result_class(query: Query, schema: Schema) -> ClassView:
    if query.outputs is None:
        return ClassView(schema.declared(query.classname), names=query.shown)
    return ClassView(_declared(query.result_class))


def _declared(cls: ClassDef) -> pywbem.CIMClass:
    return pywbem.CIMClass(
        cls.name,
        properties=[
            pywbem.CIMProperty(
                one.name,
                None,
                type=one.type,
                is_array=one.is_array,
                reference_class=one.reference_class if one.type == "reference" else None,
                embedded_object=None if one.embedded is None else "instance" if one.embedded else "object",
            )
            for one in cls.properties.values()
        ],
    )
