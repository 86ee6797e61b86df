"""All profiles merged and indexed; the check at start that everything they declare exists in the schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from virtcim.broker.call import ClassDef
from virtcim.broker.provider import Association, Central, End, InstanceProvider, MethodProvider, Profile, Writer
from virtcim.broker.schema import Schema, leaf_name


class CatalogError(Exception):
    """What the profiles declare and the schema do not agree; the message has a line for each fault."""


class Catalog:
    """Look-ups over the declarations of all profiles. Errors: CatalogError at construction."""

    def __init__(self, schema: Schema, profiles: Iterable[Profile]) -> None:
        self.schema = schema
        self.profiles = tuple(profiles)
        self.sources = {kind: objects for p in self.profiles for kind, objects in p.sources.items()}
        self.runs = {kind: runs for p in self.profiles for kind, runs in p.runs.items()}
        self.follows = {kind: follows for p in self.profiles for kind, follows in p.follows.items()}
        self.lasts = {kind: lasts for p in self.profiles for kind, lasts in p.lasts.items()}
        self.hanging = {kind: hanging for p in self.profiles for kind, hanging in p.hanging.items()}
        self.instances = [one for p in self.profiles for one in p.instances]
        self.associations = [one for p in self.profiles for one in p.associations]
        self._said: dict[tuple[str, str], MethodProvider | str] = {
            **{(c.lower(), m.lower()): why for p in self.profiles for c, m, why in p.unsupported},
            **{(m.classname.lower(), m.name.lower()): m for p in self.profiles for m in p.methods},
        }
        self._writers = {one.classname: one for p in self.profiles for one in p.writers}
        self._providers: dict[tuple[type, str], list[InstanceProvider]] = {}
        self._serving: dict[str, list[tuple[InstanceProvider, str | None]]] = {}
        self._linking: dict[str, list[tuple[Association, str | None]]] = {}
        self._nearest: dict[tuple[str, str], MethodProvider | str | None] = {}
        faults = list(self._faults())
        if faults:
            raise CatalogError("\n".join(faults))

    def serving(self, classname: str) -> list[tuple[InstanceProvider, str | None]]:
        """The providers of a class and its subclasses; with the platform, where only one platform's leaf qualifies."""
        wanted = self.schema.get(classname).name
        if wanted not in self._serving:
            self._serving[wanted] = [(p, only) for p in self.instances for only in self._platforms(p.classname, wanted)]
        return self._serving[wanted]

    def linking(self, classname: str) -> list[tuple[Association, str | None]]:
        """The associations of a class or its subclasses, as `serving`."""
        wanted = self.schema.get(classname).name
        if wanted not in self._linking:
            found = ((a, only) for a in self.associations for only in self._platforms(a.classname, wanted))
            self._linking[wanted] = list(found)
        return self._linking[wanted]

    def _platforms(self, declared: str, wanted: str) -> Iterator[str | None]:
        if self.schema.is_a(declared, wanted):
            yield None
            return
        for platform in self.schema.platforms:
            leaf = leaf_name(declared, platform)
            if leaf != declared and self.schema.is_a(leaf, wanted):
                yield platform

    def provider(self, target: object, classname: str) -> InstanceProvider | None:
        """The provider that makes an object an instance of a class or a subclass of it; None when none does."""
        key = (type(target), classname)
        if key not in self._providers:
            self._providers[key] = [
                p for p in self.instances if p.of is key[0] and self.schema.is_a(p.classname, classname)
            ]
        return next((p for p in self._providers[key] if p.when(target)), None)

    def writer(self, classname: str) -> Writer | None:
        """How instances of a class are created, changed and deleted; that of the Virt_ class for a platform's leaf."""
        found = self.schema.find(classname)
        names = [classname, found.superclass or ""] if found else []
        return next((self._writers[name] for name in names if name in self._writers), None)

    def method(self, classname: str, name: str) -> MethodProvider | None:
        """The method's provider declared nearest to a class, from the class itself upwards."""
        found = self._declared(classname, name)
        return found if isinstance(found, MethodProvider) else None

    def left_out(self, classname: str, name: str) -> str | None:
        """Why a method of a served class is not done here; None where it is provided nearer to the class."""
        found = self._declared(classname, name)
        return found if isinstance(found, str) else None

    def _declared(self, classname: str, name: str) -> MethodProvider | str | None:
        """What is said of a method nearest to a class: who provides it, or why it is left out."""
        asked = classname, name
        if asked not in self._nearest:
            upwards = self._upwards(classname, name)
            self._nearest[asked] = next((self._said[key] for key in upwards if key in self._said), None)
        return self._nearest[asked]

    def _upwards(self, classname: str, name: str) -> Iterator[tuple[str, str]]:
        found = self.schema.find(classname)
        while found is not None:
            yield found.name.lower(), name.lower()
            found = self.schema.find(found.superclass) if found.superclass else None

    def _faults(self) -> Iterator[str]:
        for profile in self.profiles:
            for one in profile.instances:
                yield from self._class_faults(profile, one.classname)
                if one.of not in self.sources:
                    yield f"{profile.facts}: {one.classname} is of {one.of.__name__}, which has no source"
            for association in profile.associations:
                yield from self._association_faults(profile, association)
            for central in profile.centrals:
                yield from self._central_faults(profile, central)
            for method in profile.methods:
                yield from self._method_faults(profile, method)
            for writer in profile.writers:
                yield from self._writer_faults(profile, writer)
            for classname, name, _ in profile.unsupported:
                yield from self._signature_faults(profile, classname, name, None)
        yield from self._unhandled()

    def _central_faults(self, profile: Profile, central: Central) -> Iterator[str]:
        made = [p.classname for p in self.instances if p.of is central.of]
        if not any(self.schema.is_a(classname, central.classname) for classname in made):
            yield f"{profile.facts}: nothing makes a {central.of.__name__} the central {central.classname}"

    def _writer_faults(self, profile: Profile, writer: Writer) -> Iterator[str]:
        yield from self._class_faults(profile, writer.classname)
        found = self.schema.find(writer.classname)
        for name in writer.changes if found else ():
            if found and name.lower() not in found.properties:
                yield f"{profile.facts}: {writer.classname} has no property {name} to change"

    def _class_faults(self, profile: Profile, classname: str) -> Iterator[str]:
        found = self.schema.find(classname)
        if found is None:
            yield f"{profile.facts}: class {classname} does not exist"
        elif found.is_abstract:
            yield f"{profile.facts}: class {classname} is abstract"

    def _association_faults(self, profile: Profile, association: Association) -> Iterator[str]:
        yield from self._class_faults(profile, association.classname)
        found = self.schema.find(association.classname)
        for end in (association.a, association.b) if found else ():
            yield from self._end_faults(profile, association, found, end)

    def _end_faults(
        self, profile: Profile, association: Association, found: ClassDef | None, end: End
    ) -> Iterator[str]:
        role = found.properties.get(end.role.lower()) if found else None
        where = f"{profile.facts}: {association.classname}.{end.role}"
        if role is None or role.type != "reference":
            yield f"{where} is no reference of the class"
        elif self.schema.find(end.classname) is None:
            yield f"{where}: class {end.classname} does not exist"
        elif role.reference_class and not self._related(end.classname, role.reference_class):
            yield f"{where}: {end.classname} is no {role.reference_class}"

    def _related(self, one: str, other: str) -> bool:
        return self.schema.is_a(one, other) or self.schema.is_a(other, one)

    def _method_faults(self, profile: Profile, method: MethodProvider) -> Iterator[str]:
        yield from self._signature_faults(profile, method.classname, method.name, method.run)

    def _signature_faults(
        self, profile: Profile, classname: str, name: str, run: Callable[..., Any] | None
    ) -> Iterator[str]:
        found = self.schema.find(classname)
        declared = found.methods.get(name.lower()) if found else None
        if declared is None:
            yield f"{profile.facts}: method {classname}.{name} does not exist"
        elif run is not None:
            taken = list(inspect.signature(run).parameters)[1:]
            wanted = [p.name for p in declared.parameters.values() if p.is_in]
            if sorted(taken) != sorted(wanted):
                yield f"{profile.facts}: {classname}.{name} takes {taken}, the schema has {wanted}"

    def _unhandled(self) -> Iterator[str]:
        for classname in sorted({p.classname for p in self.instances}):
            found = self.schema.find(classname)
            for method in found.methods.values() if found else ():
                if not self.method(classname, method.name) and self.left_out(classname, method.name) is None:
                    yield f"{classname}.{method.name} is neither provided nor left out with a reason"
