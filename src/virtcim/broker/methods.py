"""Extrinsic methods: target and parameters checked against the schema, the handler called, its results checked."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from virtcim.broker.call import (
    Argument,
    Call,
    CIMError,
    ClassPath,
    Instance,
    MethodAnswer,
    MethodDef,
    Out,
    Path,
    Properties,
    PropertyDef,
    Status,
    Value,
)
from virtcim.broker.catalog import Catalog
from virtcim.broker.instances import Found, Instances
from virtcim.broker.jobs import Jobs
from virtcim.broker.outcome import Request
from virtcim.broker.provider import As, ClassNamed, Fault, MethodProvider, Reference, Refused, Returned, Translate, Work
from virtcim.broker.requests import request_of
from virtcim.broker.values import Mistyped, Typing, WrongClass
from virtcim.messages import Message, message, of_refusal

log = logging.getLogger(__name__)

JOB_STARTED = 4096


class Methods:
    """Calls the methods that profiles provide."""

    def __init__(self, instances: Instances, typing: Typing, jobs: Jobs, translate: Translate) -> None:
        self.catalog: Catalog = instances.catalog
        self.instances = instances
        self.typing = typing
        self.jobs = jobs
        self.translate = translate
        self.settle: Callable[[], object] = lambda: None  # returns when what the method caused is safe
        self.refuses_by_error = False  # what is refused is a CIM error, as of libvirt-cim, not a return value

    def invoke(self, call: Call) -> MethodAnswer:
        """Run the method. Errors: CIMError NOT_FOUND, METHOD_NOT_FOUND, METHOD_NOT_AVAILABLE, INVALID_PARAMETER."""
        if call.target is None:
            raise CIMError(Status.INVALID_PARAMETER, f"{call.name} has no target")
        cls = self.catalog.schema.get(call.target.classname, Status.NOT_FOUND)
        declared = cls.methods.get(call.name.lower())
        if declared is None:
            raise CIMError(Status.METHOD_NOT_FOUND, f"class {cls.name} has no method {call.name}")
        reason = self.catalog.left_out(cls.name, declared.name)
        found = None if reason else self._target(call)
        provider = self.catalog.method(found.path.classname, declared.name) if found else None
        if found is None or provider is None:
            reason = reason or "no provider"
            raise CIMError(Status.METHOD_NOT_AVAILABLE, f"{cls.name}.{declared.name} is not available: {reason}")
        try:
            answer = self._run(provider, declared, found, self._parameters(declared, provider, call), call.user)
        except (WrongClass, Refused) as refusal:
            return self._refuse(declared, refusal)
        self.settle()
        return answer

    def _target(self, call: Call) -> Found:
        """The instance a call is for; for a class its only one, as clients of libvirt-cim call services."""
        if isinstance(call.target, Path):
            here = Path(call.target.classname, call.target.keys)
            return self.instances.get(self.typing.path(here, call.namespace))
        classname = call.target.classname if call.target else ""
        found = list(self.instances.all_found(classname))
        if len(found) != 1:
            text = f"{call.name} on class {classname}: it has {len(found)} instances, name one"
            raise CIMError(Status.INVALID_PARAMETER if found else Status.NOT_FOUND, text)
        return found[0]

    def _parameters(self, declared: MethodDef, provider: MethodProvider, call: Call) -> dict[str, object]:
        typed: dict[str, object] = {}
        for name, argument in call.parameters.items():
            parameter = declared.parameters.get(name.lower())
            if parameter is None:
                raise CIMError(Status.INVALID_PARAMETER, f"{declared.name} has no parameter {name}")
            if parameter.is_in:
                given = argument.value if isinstance(argument, Argument) else argument
                typed[parameter.name] = self._typed(parameter, given, call.namespace)
        for parameter in declared.parameters.values():
            if parameter.is_in and typed.setdefault(parameter.name, None) is None:
                _check_optional(declared, provider, parameter)
        return typed

    def _typed(self, parameter: PropertyDef, given: Value, namespace: str) -> object:
        try:
            value = self.typing.value(parameter, given)
        except Mistyped as error:
            raise CIMError(Status.INVALID_PARAMETER, f"parameter {error}") from error
        if parameter.type != "reference":
            return value
        if isinstance(value, list):
            return [self._reference(parameter, one, namespace) for one in value]
        return self._reference(parameter, value, namespace)

    def _reference(self, parameter: PropertyDef, value: Value, namespace: str) -> Reference | None:
        """A reference that names nothing reaches the method: only the method knows its return value for that."""
        schema = self.catalog.schema
        if isinstance(value, ClassPath):
            known = schema.find(value.classname)
            return Reference(value, self._class_named(known.name) if known else None)
        if not isinstance(value, Path):
            return None
        wanted = parameter.reference_class or value.classname
        if schema.find(value.classname) is None or not schema.is_a(value.classname, wanted):
            return Reference(value, None)
        path = self.typing.path(value, namespace)
        found = self.instances.find(path)
        return Reference(path, found.target if found else None)

    def _class_named(self, classname: str) -> ClassNamed:
        return ClassNamed(classname, tuple((one.classname, only) for one, only in self.catalog.serving(classname)))

    def _run(
        self, provider: MethodProvider, declared: MethodDef, found: Found, parameters: dict[str, object], user: str
    ) -> MethodAnswer:
        try:
            result = provider.run(found.target, **parameters)
            if isinstance(result, Work):
                request = request_of(declared, found.path, _as_given(parameters), self.outs, user)
                result = self._start(result, request, As(found.target, found.provider.classname))
        except (CIMError, Refused):
            raise
        except Exception as error:  # what the translation does not know goes on as a fault of the program
            fault = self.translate(error)
            if fault is None:
                raise
            raise self._as_refusal(declared, fault) from error
        return MethodAnswer(result.value, declared.type, tuple(self.outs(declared, result)), result.reason)

    def _start(self, work: Work, request: Request, owner: As) -> Returned:
        """The job that the work has become, or what it returned when it ended at once. Errors: those of the work."""
        job = self.jobs.start(work, request.method, owner, request)
        if not work.patience or not job.ended.wait(work.patience):
            self.jobs.publish(job)
            return Returned(JOB_STARTED, Job=job)
        self.jobs.discard(job)
        if job.returned is None:
            raise job.fault or Refused("Failed", job.error)
        return job.returned

    def _as_refusal(self, declared: MethodDef, fault: Fault) -> Exception:
        known = set(declared.values.values())
        name = next((name for name in fault.names if name in known), None)
        return Refused(name, fault.error.message) if name else fault.error

    def _refuse(self, declared: MethodDef, refusal: Exception) -> MethodAnswer:
        name = refusal.name if isinstance(refusal, Refused) else "Invalid Parameter"
        value = next((entry for entry, known in declared.values.items() if known == name), None)
        reason = refusal.reason if isinstance(refusal, Refused) else message("SETTING_PARSE", refusal)
        if value is None or self.refuses_by_error:
            words = reason if isinstance(reason, Message) else f"{declared.name}: {reason}"
            raise CIMError(Status.FAILED, of_refusal(name, words)) from refusal
        log.info("%s answers %s (%s): %s", declared.name, value, name, reason)
        return MethodAnswer(int(value), declared.type, (), of_refusal(name, reason))

    def outs(self, declared: MethodDef, result: Returned) -> Iterable[Out]:
        for name, value in result.out.items():
            parameter = declared.parameters.get(name.lower())
            if parameter is None or not parameter.is_out:
                raise LookupError(f"{declared.name} has no out parameter {name}")
            if value is not None:
                yield Out(parameter, self._out(parameter, value))

    def _out(self, parameter: PropertyDef, value: object) -> Value:
        if isinstance(value, list | tuple):
            return [self._out(parameter, one) for one in value]
        if parameter.type == "reference" and not isinstance(value, Path):
            path = self.instances.path_of(value, parameter.reference_class or "")
            if path is None:
                raise LookupError(f"{parameter.name} is no {parameter.reference_class}: {type(value).__name__}")
            return path
        if value is None or isinstance(value, bool | int | float | str | Path | Instance):
            return value
        raise LookupError(f"{parameter.name} cannot be {type(value).__name__}")


def _as_given(parameters: dict[str, object]) -> Properties:
    """Parameters as values: what a reference names is not looked up again."""
    return {name: _value(one) for name, one in parameters.items()}


def _value(one: object) -> Value:
    if isinstance(one, Reference):
        return one.path
    return [_value(each) for each in one] if isinstance(one, list) else one  # type: ignore[return-value]


def _check_optional(declared: MethodDef, provider: MethodProvider, parameter: PropertyDef) -> None:
    if parameter.required and parameter.name not in _optional(provider):
        raise CIMError(Status.INVALID_PARAMETER, f"{declared.name} needs {parameter.name}")


@lru_cache(maxsize=1024)
def _optional(provider: MethodProvider) -> frozenset[str]:
    """The parameters that a handler says it takes NULL for, by None in their types."""
    parameters = inspect.signature(provider.run).parameters.values()
    return frozenset(p.name for p in parameters if re.search(r"\b(None|Optional)\b", str(p.annotation)))
