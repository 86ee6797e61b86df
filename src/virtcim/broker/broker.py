"""The broker: finds the namespace and operation of a Call and answers it from instances, associations, methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from virtcim.broker.association_reads import AssociationReads
from virtcim.broker.associations import Associations
from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import (
    Answer,
    Call,
    CIMError,
    Form,
    Item,
    MethodAnswer,
    Out,
    Path,
    Status,
)
from virtcim.broker.catalog import Catalog
from virtcim.broker.class_reads import ClassReads
from virtcim.broker.class_writes import FixedSchema
from virtcim.broker.classes import Classes
from virtcim.broker.instances import Instances
from virtcim.broker.jobs import Jobs
from virtcim.broker.methods import Methods
from virtcim.broker.operations import OPERATIONS, Operation, converted
from virtcim.broker.provider import INTEROP, VIRT, Translate
from virtcim.broker.pull import PullLimits
from virtcim.broker.pull_operations import PullOperations
from virtcim.broker.query import parse_select
from virtcim.broker.selecting import Names, selection
from virtcim.broker.steadiness import Steadiness, Steady
from virtcim.broker.values import ParseEmbedded, Typing
from virtcim.broker.writes import Writes

# Clients of libvirt-cim look for subscriptions in root/PG_InterOp.
NAMESPACES = {VIRT: VIRT, INTEROP: INTEROP, "root/interop": INTEROP, "root/pg_interop": INTEROP}
T = TypeVar("T")
_READ, _FOLLOWS = "read", "follows"  # in Call.memo
DEFAULT_PULL_LIMITS = PullLimits()


class Read(NamedTuple):
    """What an intrinsic call asks for: the real namespace, and the converted parameters."""

    operation: Operation
    namespace: str
    given: dict[str, Any]


class Broker(FixedSchema, ClassReads, AssociationReads):
    """Answers calls over a catalog of profiles and a world; `namespaces` maps each served name to the real one."""

    def __init__(
        self,
        catalog: Catalog,
        world: Any,
        jobs: Jobs,
        parse_embedded: ParseEmbedded,
        translate: Translate,
        namespaces: Mapping[str, str] = NAMESPACES,
        pull_limits: PullLimits = DEFAULT_PULL_LIMITS,
    ) -> None:
        self.schema = catalog.schema
        self.namespaces = namespaces
        self.typing = Typing(catalog.schema, parse_embedded, namespaces)
        self.classes = Classes(catalog.schema)
        self.instances = Instances(catalog, world)
        self.associations = Associations(self.instances)
        self.methods = Methods(self.instances, self.typing, jobs, translate)
        self._take_writes(Writes(self.instances, self.associations, self.typing))
        self.pulls = PullOperations(catalog.schema, self._plain, pull_limits)
        self._steadiness = Steadiness(self.associations, self._wanted, self.typing.path)
        self._translate = translate

    def _take_writes(self, writes: Writes) -> None:
        self._create_instance, self._modify_instance = writes.create, writes.modify
        self._delete_instance, self._set_property = writes.delete, writes.set_property

    def answer(self, call: Call) -> Answer | MethodAnswer:
        """Answer a call. Errors: CIMError."""
        try:
            if call.target is not None:
                return self.methods.invoke(self._in_real_namespace(call))
            read: Read = call.memo.get(_READ) or self._read(call)
            if not read.operation.session:
                return self._lasting(read, call)
            call = self._in_real_namespace(call)
            pulled: Answer = getattr(self.pulls, read.operation.session)(call, read.operation, dict(read.given))
            return pulled
        except CIMError:
            raise
        except Exception as error:  # the translation knows those of the layers below, which are not known here
            fault = self._translate(error)
            if fault is None:
                raise
            raise fault.error from error

    def _read(self, call: Call) -> Read:
        """What an intrinsic call asks for. Errors: CIMError."""
        operation = OPERATIONS.get(call.name.lower())
        if operation is None:
            raise CIMError(Status.NOT_SUPPORTED, f"operation {call.name} is not supported")
        read = Read(operation, self._real_namespace(call), converted(operation, call))
        call.memo[_READ] = read
        return read

    def _lasting(self, read: Read, call: Call) -> Answer:
        """The answer, with what tells whether it holds."""
        if _FOLLOWS not in call.memo:
            call.memo[_FOLLOWS] = self._steadiness.of(read.operation.run, read.given)
        steady: Steady | None = call.memo[_FOLLOWS]
        asked = read.operation.run, read.namespace, read.given
        if steady is None:
            return self._plain(*asked)
        holds = self._steadiness.holds(steady, *asked)  # first: with what changes from now on it is another answer
        return replace(self._plain(*asked), holds=holds)

    def _plain(self, run: str, namespace: str, given: dict[str, Any]) -> Answer:
        answer: Answer = getattr(self, f"_{run}")(namespace, **given)
        if isinstance(answer.items, tuple | Batches):
            return answer
        return Answer(answer.form, self._guarded(answer.items), answer.selection, answer.out)

    def _guarded(self, items: Iterable[T]) -> Iterator[T]:
        """Errors from below become CIM errors; what the translation does not know is a fault of the program."""
        try:
            yield from items
        except CIMError:
            raise
        except Exception as error:
            fault = self._translate(error)
            if fault is None:
                raise
            raise fault.error from error

    def _real_namespace(self, call: Call) -> str:
        real = self.namespaces.get(call.namespace.lower())
        if real is None:
            raise CIMError(Status.INVALID_NAMESPACE, f"namespace {call.namespace} does not exist")
        return real

    def _in_real_namespace(self, call: Call) -> Call:
        real = self._real_namespace(call)
        return call if real == call.namespace else replace(call, namespace=real)

    # Instances

    def _find(self, path: Path, namespace: str) -> Item:
        canonical = self.typing.path(Path(path.classname, path.keys), namespace)
        if self.schema.get(canonical.classname).is_association:
            item = self.associations.find(canonical, namespace)
            if item is not None:
                return item
        return self.instances.get(canonical).item

    def _get_instance(
        self, namespace: str, instance_name: Path, property_list: Names, include_class_origin: bool, **_: bool
    ) -> Answer:
        item = self._find(instance_name, namespace)
        return Answer(Form.INSTANCE, (item,), selection(property_list, include_class_origin))

    def _enumerate_instances(
        self,
        namespace: str,
        class_name: str,
        deep_inheritance: bool,
        property_list: Names,
        include_class_origin: bool,
        **_: bool,
    ) -> Answer:
        cls = self.schema.get(class_name)
        names = property_list
        if not deep_inheritance:
            own = frozenset(cls.properties)
            names = own if names is None else names & own
        return Answer(Form.NAMED_INSTANCE, self._all(namespace, cls.name), selection(names, include_class_origin))

    def _enumerate_instance_names(self, namespace: str, class_name: str) -> Answer:
        return Answer(Form.INSTANCE_NAME, self._all(namespace, self.schema.get(class_name).name, paths=True))

    def _get_property(self, namespace: str, instance_name: Path, property_name: str) -> Answer:
        item = self._find(instance_name, namespace)
        declared = item.cls.properties.get(property_name.lower())
        if declared is None:
            raise CIMError(Status.NO_SUCH_PROPERTY, f"class {item.cls.name} has no property {property_name}")
        value = item.properties.get(declared.name)
        return Answer(Form.VALUE, () if value is None else (Out(declared, value),))

    def _exec_query(self, namespace: str, query_language: str, query: str) -> Answer:
        wanted = parse_select(self.schema, query_language, query)
        items = (item for item in self._all(namespace, wanted.classname) if wanted.matches(item))
        if wanted.outputs is None:
            return Answer(Form.OBJECT_WITH_PATH, items, selection(wanted.shown, False))
        cls = wanted.result_class
        return Answer(Form.OBJECT, (wanted.row(item, cls, namespace) for item in items))

    def _all(self, namespace: str, classname: str, paths: bool = False) -> Batches:
        links = Batch(partial(self.associations.of_class, namespace, classname))
        found = self.instances.batches(namespace, classname, paths)
        return Batches(self._guarded_batches(chain(found, (links,))))

    def _guarded_batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in self._guarded(batches):
            parts = None if batch.parts is None else partial(self._guarded_parts, batch.parts)
            yield Batch(partial(self._guarded_items, batch), batch.place, batch.state, batch.size, parts)

    def _guarded_parts(self, parts: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
        return self._guarded_batches(parts())

    def _guarded_items(self, batch: Batch) -> Iterator[Item]:
        return self._guarded(item for one in (batch,) for item in one.items())  # the first look may fail as well
