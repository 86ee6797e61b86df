"""The four association operations, of instances and of classes (DSP0200 clause 5.3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from virtcim.broker.associations import Associations, Step, Wanted
from virtcim.broker.call import Answer, ClassPath, Form, Item, Path, Status
from virtcim.broker.classes import Classes
from virtcim.broker.instances import Found, Instances
from virtcim.broker.schema import Schema
from virtcim.broker.selecting import Names, selection
from virtcim.broker.values import Typing


class AssociationReads:
    """Answers them from the links of instances, or from the references that classes declare."""

    schema: Schema
    classes: Classes
    typing: Typing
    instances: Instances
    associations: Associations

    def _wanted(
        self, assoc_class: str | None, result_class: str | None, role: str | None, result_role: str | None
    ) -> Wanted:
        for name in (assoc_class, result_class):
            if name is not None:
                self.schema.get(name, Status.INVALID_PARAMETER)
        return Wanted(assoc_class, result_class, role and role.lower(), result_role and result_role.lower())

    def _steps(self, namespace: str, path: Path, wanted: Wanted) -> Iterable[Step]:
        known = self.schema.get(path.classname, Status.INVALID_PARAMETER)
        canonical = self.typing.path(Path(path.classname, path.keys), namespace)
        if known.is_association and self.associations.find(canonical, namespace):
            return ()  # nothing is associated to a link
        source: Found = self.instances.get(canonical)
        return self.associations.walk(source, wanted)

    def _associators(
        self,
        namespace: str,
        object_name: Path | ClassPath,
        assoc_class: str | None,
        result_class: str | None,
        role: str | None,
        result_role: str | None,
        property_list: Names,
        include_class_origin: bool,
        include_qualifiers: bool = False,
    ) -> Answer:
        wanted = self._wanted(assoc_class, result_class, role, result_role)
        found = self._reached(namespace, object_name, wanted)
        return self._whole(object_name, found, property_list, include_class_origin, include_qualifiers)

    def _associator_names(
        self,
        namespace: str,
        object_name: Path | ClassPath,
        assoc_class: str | None,
        result_class: str | None,
        role: str | None,
        result_role: str | None,
    ) -> Answer:
        wanted = self._wanted(assoc_class, result_class, role, result_role)
        if isinstance(object_name, ClassPath):
            return _named(object_name, self._reached(namespace, object_name, wanted))
        paths = (step.target.path for step in self._steps(namespace, object_name, wanted))
        return _named(object_name, dict.fromkeys(paths))

    def _references(
        self,
        namespace: str,
        object_name: Path | ClassPath,
        result_class: str | None,
        role: str | None,
        property_list: Names,
        include_class_origin: bool,
        include_qualifiers: bool = False,
    ) -> Answer:
        found = self._leading(namespace, object_name, self._wanted(result_class, None, role, None))
        return self._whole(object_name, found, property_list, include_class_origin, include_qualifiers)

    def _reference_names(
        self, namespace: str, object_name: Path | ClassPath, result_class: str | None, role: str | None
    ) -> Answer:
        found = self._leading(namespace, object_name, self._wanted(result_class, None, role, None))
        return _named(object_name, found)

    def _reached(self, namespace: str, start: Path | ClassPath, wanted: Wanted) -> Iterable[Any]:
        """What associations lead to: classes from a class, instances from an instance."""
        if isinstance(start, ClassPath):
            return self.classes.associated(self._known(start), wanted, namespace)
        return _once(step.target.item for step in self._steps(namespace, start, wanted))

    def _leading(self, namespace: str, start: Path | ClassPath, wanted: Wanted) -> Iterable[Any]:
        """The associations that lead on: as classes from a class, as instances from an instance."""
        if isinstance(start, ClassPath):
            return self.classes.associations(self._known(start), wanted, namespace)
        return _once(self.associations.link(step, namespace) for step in self._steps(namespace, start, wanted))

    def _known(self, path: ClassPath) -> str:
        return self.schema.get(path.classname, Status.INVALID_PARAMETER).name

    def _whole(
        self, start: Path | ClassPath, found: Iterable[Any], properties: Names, class_origin: bool, qualifiers: bool
    ) -> Answer:
        """What was found, with all that was asked of it."""
        if not isinstance(start, ClassPath):
            return Answer(Form.OBJECT_WITH_PATH, found, selection(properties, class_origin))
        views = [(path, self.classes.view(path.classname, False, qualifiers, class_origin)) for path in found]
        return Answer(Form.CLASS_WITH_PATH, views)


def _named(start: Path | ClassPath, found: Iterable[Any]) -> Answer:
    """What was found, by its paths alone."""
    return Answer(Form.CLASS_PATH if isinstance(start, ClassPath) else Form.OBJECT_PATH, found)


def _once(items: Iterable[Item]) -> Iterable[Item]:
    """An instance that is reached twice is answered once."""
    return {item.path: item for item in items}.values()
