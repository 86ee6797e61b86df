"""Namespaces that clients create: each with classes and stored instances of its own, beside those of the model."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

from virtcim.broker.broker import Broker, Read
from virtcim.broker.call import Answer, Call, CIMError, ClassDef, Declaration, Form, MethodAnswer, Path, Status
from virtcim.broker.class_writes import ClassWrites, UserSchema
from virtcim.broker.classes import Classes
from virtcim.broker.operations import WRITING
from virtcim.broker.provider import Stored, Translate
from virtcim.broker.pull_operations import PullOperations
from virtcim.broker.store_shelf import Shelf
from virtcim.broker.user_instances import UserAssociations, UserCatalog, UserInstances, UserWriter
from virtcim.broker.values import ParseEmbedded, Typing
from virtcim.broker.writes import Writes
from virtcim.messages import message

LONGEST = 256  # characters of a name
_NAME = re.compile(r"[A-Za-z_][\w.-]*(/[A-Za-z_][\w.-]*)*", re.ASCII)

# Documents in the store that are no instances: no class can have such a name.
_SPACE, _DECLARED = "#namespace", "#declared"

Answered = Answer | MethodAnswer


@dataclass(frozen=True)
class Codec:
    """Declarations as text for keeping; `read` raises ValueError."""

    text: Callable[[Declaration], str]
    read: Callable[[str], Declaration]
    embedded: ParseEmbedded


class Kept(NamedTuple):
    """Where a namespace is kept, and in what form; what becomes of errors from there."""

    shelf: Shelf
    codec: Codec
    translate: Translate


@dataclass(frozen=True)
class SpaceLimits:
    """How many namespaces clients may create, and what each of them may hold."""

    namespaces: int = 256
    classes: int = 10_000  # and as many qualifier types
    instances: int = 100_000


DEFAULT_LIMITS = SpaceLimits()


class UserNamespace(Broker):
    """Answers the calls in one namespace, which is all it knows of."""

    def __init__(self, name: str, kept: Kept, pulls: PullOperations, limits: SpaceLimits) -> None:
        shelf, codec, self._translate = kept
        self.name = name
        self.lock = threading.RLock()
        self.namespaces = {name.lower(): name}
        self.schema = schema = UserSchema()
        self.classes = Classes(schema)
        self.typing = Typing(self.schema, codec.embedded, self.namespaces)
        self.writer = UserWriter(shelf, name, limits.instances)
        self.writer.typing = self.typing
        self.instances = self._stored = UserInstances(UserCatalog(schema, self.writer), shelf, name)
        self.associations = UserAssociations(self._stored, shelf)
        self._take_writes(Writes(self.instances, self.associations, self.typing))
        self.pulls = PullOperations(self.schema, self._plain, pulls.sessions.limits)
        self.pulls.sessions = pulls.sessions
        self._shelf = shelf
        self._codec = codec
        self.declarations = ClassWrites(schema, self._has_instances, self._keep, limits.classes)

    def answer(self, call: Call) -> Answered:
        """As Broker.answer."""
        if call.target is not None:
            self._refuse_method(call)
        call = replace(call, memo={})  # what was read before may have been of another namespace with this name
        if call.name.lower() not in WRITING:
            return super().answer(call)
        with self.lock:
            return super().answer(call)

    def _lasting(self, read: Read, call: Call) -> Answer:
        """Of what clients store nothing tells whether it has changed."""
        return self._plain(read.operation.run, read.namespace, read.given)

    def empty(self) -> bool:
        """Whether there are neither classes nor qualifier types."""
        return not list(self.schema) and not self.schema.qualifiers

    def restore(self, declared: Iterable[Stored]) -> None:
        """Take in what was kept. Errors: ValueError."""
        for one in declared:
            self.declarations.restore(self._codec.read(str(one.properties["Declaration"])))
        self.writer.count = sum(1 for top in self.schema.children(None) for _ in self._stored.stored(top))

    def _refuse_method(self, call: Call) -> NoReturn:
        classname = call.target.classname if call.target else ""
        cls = self.schema.get(classname, Status.NOT_FOUND)
        if call.name.lower() not in cls.methods:
            raise CIMError(Status.METHOD_NOT_FOUND, f"class {cls.name} has no method {call.name}")
        text = f"{cls.name}.{call.name} is not available: nothing provides methods in namespace {self.name}"
        raise CIMError(Status.METHOD_NOT_AVAILABLE, text)

    def _has_instances(self, classname: str) -> bool:
        """Of exactly this class."""
        cls = self.schema.find(classname)
        return cls is not None and any(one.path.namespace == self.name for one in self._shelf.of_class(cls.name))

    def _keep(self, kind: str, name: str, declaration: Declaration | None) -> None:
        path = Path(_DECLARED, (("Kind", kind), ("Name", name)), self.name)
        old = self._shelf.find(path)
        new = Stored(path, {"Declaration": self._codec.text(declaration)}) if declaration else None
        self._shelf.change((old,) if old else (), (new,) if new else ())

    def _create_class(self, namespace: str, **given: Any) -> Answer:
        self.declarations.create(given["new_class"])
        return self._changed()

    def _modify_class(self, namespace: str, **given: Any) -> Answer:
        self.declarations.modify(given["modified_class"])
        return self._changed()

    def _delete_class(self, namespace: str, **given: Any) -> Answer:
        self.declarations.delete(given["class_name"])
        return self._changed()

    def _set_qualifier(self, namespace: str, **given: Any) -> Answer:
        self.declarations.set_qualifier(given["qualifier_declaration"])
        return self._changed()

    def _delete_qualifier(self, namespace: str, **given: Any) -> Answer:
        self.declarations.delete_qualifier(given["qualifier_name"])
        return self._changed()

    def _changed(self) -> Answer:
        self.typing.forget()
        return Answer(Form.NOTHING)


class Namespaces:
    """Answers every call: those in a client's namespace there, all others by the broker of the model."""

    def __init__(self, shelf: Shelf, codec: Codec, translate: Translate, limits: SpaceLimits = DEFAULT_LIMITS) -> None:
        self._kept = Kept(shelf, codec, translate)
        self._shelf = shelf
        self._limits = limits
        self._lock = threading.RLock()
        self._spaces: dict[str, UserNamespace] = {}
        self._broker: Broker | None = None

    def open(self, broker: Broker) -> None:
        """Begin with a broker of the model and what the store holds. Errors: ValueError for what cannot be read."""
        self._broker = broker
        declared: dict[str, list[Stored]] = {}
        for one in self._shelf.of_class(_DECLARED):
            declared.setdefault(str(one.path.namespace), []).append(one)
        for one in self._shelf.of_class(_SPACE):
            name = str(one.path.namespace)
            space = self._spaces[name.lower()] = self._made(name)
            space.restore(declared.get(name, ()))

    def answer(self, call: Call) -> Answered:
        """Errors: CIMError."""
        space = self._spaces.get(call.namespace.lower())
        return space.answer(call) if space else self._model.answer(call)

    def names(self) -> list[str]:
        """The client's namespaces, in the order they were created."""
        return [space.name for space in self._spaces.values()]

    def find_class(self, name: str) -> ClassDef | None:
        """A class of the model, or else of some namespace that has one of this name."""
        return next((found for schema in self._schemas() if (found := schema.find(name))), None)

    def get_class(self, name: str) -> ClassDef:
        """As find_class. Errors: CIMError INVALID_CLASS."""
        return self.find_class(name) or self._model.schema.get(name)

    def classes_in(self, name: str) -> Callable[[str], ClassDef] | None:
        """What gives the classes of a client's namespace; None for those of the model."""
        space = self._spaces.get(name.lower())
        return space.schema.get if space else None

    def create(self, given: str) -> str:
        """Make an empty namespace: answers its name. Errors: CIMError INVALID_PARAMETER, ALREADY_EXISTS, ..."""
        name = given.strip("/")
        if not _NAME.fullmatch(name) or len(name) > LONGEST:
            raise CIMError(Status.INVALID_PARAMETER, message("NAMESPACE_NAME_INVALID", repr(given[:LONGEST])))
        with self._lock:
            if name.lower() in self._spaces or name.lower() in self._model.namespaces:
                raise CIMError(Status.ALREADY_EXISTS, message("NAMESPACE_EXISTS", name))
            if len(self._spaces) >= self._limits.namespaces:
                text = f"{self._limits.namespaces} namespaces have been created, and that is the limit"
                raise CIMError(Status.SERVER_LIMITS_EXCEEDED, text)
            made = self._made(name)
            self._shelf.add(Stored(Path(_SPACE, (), name), {}))
            self._spaces = {**self._spaces, name.lower(): made}
        return name

    def delete(self, name: str) -> None:
        """Errors: CIMError NOT_SUPPORTED for one of the model, NAMESPACE_NOT_EMPTY, NOT_FOUND."""
        with self._lock:
            space = self._spaces.get(name.lower())
            if space is None:
                status = Status.NOT_SUPPORTED if name.lower() in self._model.namespaces else Status.NOT_FOUND
                raise CIMError(status, f"namespace {name} is the server's own, or is gone")
            with space.lock:
                if not space.empty():
                    text = f"namespace {space.name} has classes or qualifier types"
                    raise CIMError(Status.NAMESPACE_NOT_EMPTY, text)
                kept = self._shelf.find(Path(_SPACE, (), space.name))
                if kept is not None:
                    self._shelf.remove(kept)
                self._spaces = {key: one for key, one in self._spaces.items() if one is not space}

    @property
    def _model(self) -> Broker:
        if self._broker is None:
            raise RuntimeError("the namespaces are not open")
        return self._broker

    def _schemas(self) -> Iterator[Any]:
        yield self._model.schema
        yield from (space.schema for space in self._spaces.values())

    def _made(self, name: str) -> UserNamespace:
        return UserNamespace(name, self._kept, self._model.pulls, self._limits)
