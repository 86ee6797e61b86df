"""CreateInstance, ModifyInstance and DeleteInstance (DSP0200 clause 5.3.2), where a profile declares a Writer."""

from __future__ import annotations

from virtcim.broker.associations import Associations
from virtcim.broker.call import Answer, CIMError, ClassDef, Form, Instance, Path, Properties, Status, Value
from virtcim.broker.instances import Instances
from virtcim.broker.provider import Writer
from virtcim.broker.selecting import Names
from virtcim.broker.values import Mistyped, Typing, WrongClass


class Writes:
    """Checks what a client sends against the schema, then leaves it to the writer. Errors of all: CIMError."""

    def __init__(self, instances: Instances, associations: Associations, typing: Typing) -> None:
        self._catalog = instances.catalog
        self._schema = instances.schema
        self._instances = instances
        self._associations = associations
        self._typing = typing

    def create(self, namespace: str, new_instance: Instance) -> Answer:
        """CreateInstance: answers the path that the new instance has got."""
        return Answer(Form.INSTANCE_NAME, (self._created(namespace, new_instance),))

    def modify(
        self, namespace: str, modified_instance: Instance, property_list: Names, include_qualifiers: bool = True
    ) -> Answer:
        """ModifyInstance; `property_list` holds names in lower case, None for all that are given."""
        del include_qualifiers
        self._modify(namespace, modified_instance, property_list)
        return Answer(Form.NOTHING)

    def delete(self, namespace: str, instance_name: Path) -> Answer:
        """DeleteInstance."""
        self._delete(namespace, instance_name)
        return Answer(Form.NOTHING)

    def set_property(self, namespace: str, instance_name: Path, property_name: str, new_value: Value) -> Answer:
        """SetProperty: of a value that is not of the property's type, TYPE_MISMATCH."""
        cls = self._schema.get(instance_name.classname)
        declared = cls.properties.get(property_name.lower())
        if declared is None:
            self._found(self._path(namespace, instance_name, self._catalog.writer(cls.name)))
            raise CIMError(Status.NO_SUCH_PROPERTY, f"class {cls.name} has no property {property_name}")
        try:
            self._typing.value(declared, new_value)
        except Mistyped as error:
            raise CIMError(Status.TYPE_MISMATCH, str(error)) from error
        given = Instance(cls.name, {declared.name: new_value}, instance_name)
        return self.modify(namespace, given, frozenset((declared.name.lower(),)))

    def _created(self, namespace: str, given: Instance) -> Path:
        cls = self._schema.get(given.classname)
        writer = self._catalog.writer(cls.name)
        if writer is None or writer.create is None:
            raise CIMError(Status.NOT_SUPPORTED, f"instances of {cls.name} are not created by CreateInstance")
        if namespace != writer.namespace:
            text = f"{cls.name} lives in namespace {writer.namespace}: {namespace} takes none"
            raise CIMError(Status.NOT_SUPPORTED, text)
        return writer.create(self._typed(cls, given))

    def _modify(self, namespace: str, given: Instance, names: Names) -> None:
        if given.path is None:
            raise CIMError(Status.INVALID_PARAMETER, "ModifiedInstance has no path")
        cls = self._schema.get(given.classname)
        if cls.name != self._schema.get(given.path.classname).name:
            text = f"ModifiedInstance is of class {cls.name}, its path names {given.path.classname}"
            raise CIMError(Status.INVALID_PARAMETER, text)
        writer = self._catalog.writer(cls.name)
        path = self._path(namespace, given.path, writer)
        target, current = self._found(path)
        if writer is None or writer.modify is None:
            raise CIMError(Status.NOT_SUPPORTED, f"instances of {cls.name} are not changed by ModifyInstance")
        wanted = _designated(cls, self._typed(cls, given), names)
        _keep_keys(cls, path, wanted, writer)
        wanted = {name: value for name, value in wanted.items() if value != current.get(name)}
        _allowed(cls, wanted, writer)
        if wanted:
            writer.modify(target, wanted)

    def _delete(self, namespace: str, name: Path) -> None:
        cls = self._schema.get(name.classname)
        writer = self._catalog.writer(cls.name)
        target, _ = self._found(self._path(namespace, name, writer))
        if writer is None or writer.delete is None:
            raise CIMError(Status.NOT_SUPPORTED, f"instances of {cls.name} are not deleted by DeleteInstance")
        writer.delete(target)

    def _path(self, namespace: str, given: Path, writer: Writer | None) -> Path:
        path = self._typing.path(Path(given.classname, given.keys), namespace)
        return writer.resolve(path) if writer and writer.resolve else path

    def _found(self, path: Path) -> tuple[object, Properties]:
        """The object behind an instance and its properties; of a link, which has no object, its path."""
        if self._schema.get(path.classname).is_association:
            link = self._associations.find(path, str(path.namespace))
            if link is None:
                raise CIMError(Status.NOT_FOUND, f"no such instance: {path}")
            return path, link.properties
        found = self._instances.get(path)
        return found.target, found.item.properties

    def _typed(self, cls: ClassDef, given: Instance) -> Properties:
        for name in given.properties:
            if name.lower() not in cls.properties:
                raise CIMError(Status.NO_SUCH_PROPERTY, f"class {cls.name} has no property {name}")
        try:
            typed = self._typing.instance(cls.name, None, given)
        except (Mistyped, WrongClass) as error:
            raise CIMError(Status.INVALID_PARAMETER, str(error)) from error
        return dict(typed.properties)


def _designated(cls: ClassDef, given: Properties, names: Names) -> Properties:
    """What PropertyList asks to change: given values; the declared default of what it names and nobody gives."""
    if names is None:
        return given
    wanted: Properties = {}
    for name in sorted(names):
        declared = cls.properties.get(name)
        if declared is None:
            raise CIMError(Status.NO_SUCH_PROPERTY, f"PropertyList: class {cls.name} has no property {name}")
        wanted[declared.name] = given.get(declared.name, declared.default)
    return wanted


def _keep_keys(cls: ClassDef, path: Path, wanted: Properties, writer: Writer) -> None:
    """Keys that are given must be those of the path; where the writer tells what a path means, it knows better."""
    for key in cls.keys:
        value = wanted.pop(key.name, None)
        same = isinstance(value, Path) or value in (None, path.key(key.name))
        if not same and writer.resolve is None:
            raise CIMError(Status.INVALID_PARAMETER, f"{key.name} is a key of {path.classname} and cannot change")


def _allowed(cls: ClassDef, wanted: Properties, writer: Writer) -> None:
    fixed = sorted(set(wanted) - set(writer.changes))
    if fixed:
        text = f"{', '.join(fixed)} of {cls.name} cannot be changed; can be: {', '.join(writer.changes) or 'nothing'}"
        raise CIMError(Status.INVALID_PARAMETER, text)
