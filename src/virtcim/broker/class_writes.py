"""Classes and qualifier types that clients create, change and delete (DSP0200 clauses 5.3.2.6 to 5.3.2.9, 5.3.2.21)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from virtcim.broker.call import Answer, CIMError, ClassDef, Declaration, Status
from virtcim.broker.resolve import compact, derive
from virtcim.broker.schema import Schema
from virtcim.later import Later

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

_NAME = re.compile(r"[A-Za-z_]\w*")

Own: TypeAlias = "dict[str, pywbem.CIMClass]"
HasInstances = Callable[[str], bool]
Keep = Callable[[str, str, Declaration | None], None]
"""keep(kind, name, declaration): make it durable, None to forget it; raises CIMError and has then changed nothing."""

CLASS, QUALIFIER = "class", "qualifier"


class FixedSchema:
    """The operations where the schema is the server's own."""

    def _refuse(self, namespace: str, **_: Any) -> Answer:
        text = f"the classes and qualifier types of namespace {namespace} are the server's own and do not change"
        raise CIMError(Status.NOT_SUPPORTED, text)

    _create_class = _modify_class = _delete_class = _set_qualifier = _delete_qualifier = _refuse


class UserSchema(Schema):
    """A class repository that changes. What is read meanwhile is the one before or the one after."""

    def __init__(self) -> None:
        super().__init__({}, lambda: ({}, {}))
        self.own: Own = {}  # as clients declared them, by lower-case name
        self._all_declared = ({}, {})

    def with_class(self, own: pywbem.CIMClass) -> dict[str, pywbem.CIMClass]:
        """The resolved forms of a class and all below it, were it declared so."""
        changed: dict[str, pywbem.CIMClass] = {}
        above = self.declared(own.superclass) if own.superclass else None
        changed[own.classname.lower()] = derive(own, above)
        for name in self.below(own.classname):
            child = self.own[name.lower()]
            parent = str(child.superclass).lower()
            changed[name.lower()] = derive(child, changed[parent])
        return changed

    def put(self, own: pywbem.CIMClass, changed: Mapping[str, pywbem.CIMClass]) -> None:
        """Take a class in, with the resolved forms that it changes."""
        self.own[own.classname.lower()] = own
        self._set({**self._all_declared[0], **changed}, changed)

    def drop(self, classname: str) -> None:
        """Take a class out that has no subclasses."""
        name = classname.lower()
        del self.own[name]
        self._set({key: one for key, one in self._all_declared[0].items() if key != name}, {})

    def put_qualifier(self, declared: pywbem.CIMQualifierDeclaration) -> None:
        self._all_declared = (self._all_declared[0], {**self.qualifiers, declared.name.lower(): declared})

    def drop_qualifier(self, name: str) -> None:
        left = {key: one for key, one in self.qualifiers.items() if key != name.lower()}
        self._all_declared = (self._all_declared[0], left)

    def _set(self, resolved: dict[str, pywbem.CIMClass], changed: Mapping[str, pywbem.CIMClass]) -> None:
        classes = {name: self._classes[name] for name in resolved if name in self._classes and name not in changed}
        classes |= {name: compact(declared) for name, declared in changed.items()}
        children: dict[str, list[str]] = {}
        for one in classes.values():
            children.setdefault((one.superclass or "").lower(), []).append(one.name)
        self._ancestors = {}
        self._all_declared = (resolved, self.qualifiers)
        self._children, self._classes = children, classes


class ClassWrites:
    """The operations on a repository of so many classes at `most`, and as many qualifier types. Errors: CIMError.

    The caller holds a lock.
    """

    def __init__(self, schema: UserSchema, has_instances: HasInstances, keep: Keep, most: int) -> None:
        self._schema = schema
        self._most = most
        self._has_instances = has_instances
        self._keep = keep

    def create(self, given: Declaration) -> None:
        """CreateClass."""
        own = self._prepared(given, "NewClass")
        if self._schema.find(own.classname) is not None:
            raise CIMError(Status.ALREADY_EXISTS, f"class {own.classname} exists")
        if len(self._schema.own) >= self._most:
            raise CIMError(Status.SERVER_LIMITS_EXCEEDED, f"a namespace holds {self._most} classes at most")
        self._check_superclass(own)
        self._put(own, self._schema.with_class(own))

    def modify(self, given: Declaration) -> None:
        """ModifyClass: subclasses and instances must go on to be right."""
        own = self._prepared(given, "ModifiedClass")
        before = self._schema.get(own.classname, Status.NOT_FOUND)
        if (own.superclass or "").lower() != (before.superclass or "").lower():
            text = f"the superclass of {before.name} is {before.superclass} and cannot become {own.superclass}"
            raise CIMError(Status.INVALID_SUPERCLASS, text)
        own.classname = before.name
        self._check_superclass(own)
        changed = self._schema.with_class(own)
        for name in list(changed)[1:]:
            child = self._schema.own[name]
            for fault in _override_faults(child, changed[str(child.superclass).lower()]):
                raise CIMError(Status.CLASS_HAS_CHILDREN, f"subclass {child.classname}: {fault}")
        for name, resolved in changed.items():
            if self._has_instances(name):
                _check_still_fits(self._schema.get(name), compact(resolved))
        self._put(own, changed)

    def delete(self, classname: str) -> None:
        """DeleteClass."""
        found = self._schema.get(classname, Status.NOT_FOUND)
        children = self._schema.children(found.name)
        if children:
            raise CIMError(Status.CLASS_HAS_CHILDREN, f"class {found.name} has the subclass {children[0]}")
        if self._has_instances(found.name.lower()):
            raise CIMError(Status.CLASS_HAS_INSTANCES, f"class {found.name} has instances")
        self._keep(CLASS, found.name.lower(), None)
        self._schema.drop(found.name)

    def set_qualifier(self, given: Declaration) -> None:
        """SetQualifier: creates or replaces."""
        declared = given.declared
        if not isinstance(declared, pywbem.CIMQualifierDeclaration):
            raise CIMError(Status.INVALID_PARAMETER, "QualifierDeclaration is no qualifier declaration")
        if not _NAME.fullmatch(declared.name):
            raise CIMError(Status.INVALID_PARAMETER, f"{declared.name!r} is no name")
        before = self._schema.qualifiers.get(declared.name.lower())
        if before is None and len(self._schema.qualifiers) >= self._most:
            raise CIMError(Status.SERVER_LIMITS_EXCEEDED, f"a namespace holds {self._most} qualifier types at most")
        if before is not None and (before.type, before.is_array) != (declared.type, declared.is_array):
            self._check_unused(declared.name)
        self._keep(QUALIFIER, declared.name.lower(), given)
        self._schema.put_qualifier(declared)

    def delete_qualifier(self, name: str) -> None:
        """DeleteQualifier."""
        if name.lower() not in self._schema.qualifiers:
            raise CIMError(Status.NOT_FOUND, f"qualifier {name} is not declared")
        self._check_unused(name)
        self._keep(QUALIFIER, name.lower(), None)
        self._schema.drop_qualifier(name)

    def restore(self, given: Declaration) -> None:
        """Take in what was kept, superclasses before what is below them."""
        if isinstance(given.declared, pywbem.CIMQualifierDeclaration):
            self._schema.put_qualifier(given.declared)
        else:
            own: Any = given.declared
            self._schema.put(own, self._schema.with_class(own))

    def _put(self, own: pywbem.CIMClass, changed: Mapping[str, pywbem.CIMClass]) -> None:
        self._keep(CLASS, own.classname.lower(), Declaration(own))
        self._schema.put(own, changed)

    def _prepared(self, given: Declaration, parameter: str) -> pywbem.CIMClass:
        """The class without what it inherits, its qualifiers as their types declare them."""
        if not isinstance(given.declared, pywbem.CIMClass):
            raise CIMError(Status.INVALID_PARAMETER, f"{parameter} is no class")
        own = given.declared.copy()
        if not _NAME.fullmatch(own.classname):
            raise CIMError(Status.INVALID_PARAMETER, f"{own.classname!r} is no class name")
        for elements in (own.qualifiers, own.properties, own.methods):
            for name in [name for name, one in elements.items() if one.propagated]:
                del elements[name]
        for where, element in _elements(own):
            for qualifier in element.qualifiers.values():
                self._complete(where, qualifier)
        return own

    def _complete(self, where: str, qualifier: pywbem.CIMQualifier) -> None:
        declared = self._schema.qualifiers.get(qualifier.name.lower())
        if declared is None:
            raise CIMError(Status.INVALID_PARAMETER, f"{where}: qualifier {qualifier.name} is not declared")
        if qualifier.type != declared.type:
            text = f"{where}: qualifier {declared.name} is a {declared.type}, not a {qualifier.type}"
            raise CIMError(Status.INVALID_PARAMETER, text)
        for flavor in ("overridable", "tosubclass", "toinstance", "translatable"):
            if getattr(qualifier, flavor) is None:
                setattr(qualifier, flavor, getattr(declared, flavor))

    def _check_superclass(self, own: pywbem.CIMClass) -> None:
        if not own.superclass:
            return
        self._schema.get(own.superclass, Status.INVALID_SUPERCLASS)
        above = self._schema.declared(own.superclass)
        own.superclass = above.classname
        for fault in _override_faults(own, above):
            raise CIMError(Status.INVALID_PARAMETER, f"class {own.classname}: {fault}")

    def _check_unused(self, name: str) -> None:
        for own in self._schema.own.values():
            for where, element in _elements(own):
                if name in element.qualifiers:
                    raise CIMError(Status.FAILED, f"qualifier {name} is used by {where}")


def _elements(own: pywbem.CIMClass) -> Iterator[tuple[str, Any]]:
    """All that has qualifiers, each with the words for where it is."""
    yield own.classname, own
    for one in own.properties.values():
        yield f"{own.classname}.{one.name}", one
    for method in own.methods.values():
        yield f"{own.classname}.{method.name}", method
        for parameter in method.parameters.values():
            yield f"{own.classname}.{method.name}({parameter.name})", parameter


def _override_faults(own: pywbem.CIMClass, above: pywbem.CIMClass) -> Iterable[str]:
    """What overrides and does not fit (DSP0004 clause 5.1.2.8)."""
    for one in own.properties.values():
        inherited = above.properties.get(one.name)
        if inherited is not None and (one.type, one.is_array) != (inherited.type, inherited.is_array):
            yield f"{one.name} overrides a property of another type in {above.classname}"
    for method in own.methods.values():
        inherited = above.methods.get(method.name)
        if inherited is not None and method.return_type != inherited.return_type:
            yield f"{method.name} overrides a method of another type in {above.classname}"


def _check_still_fits(before: ClassDef, after: ClassDef) -> None:
    """Errors: CIMError CLASS_HAS_INSTANCES for a change that the instances of a class would not survive."""
    if [key.name for key in before.keys] != [key.name for key in after.keys]:
        raise CIMError(Status.CLASS_HAS_INSTANCES, f"class {before.name} has instances, its keys cannot change")
    for name, declared in before.properties.items():
        found = after.properties.get(name)
        if found is None or (found.type, found.is_array) != (declared.type, declared.is_array):
            text = f"class {before.name} has instances, {declared.name} must stay as it is"
            raise CIMError(Status.CLASS_HAS_INSTANCES, text)
