"""The four association operations, of instances and of classes (DSP0200 clause 5.3.2)."""

from __future__ import annotations

from collections.abc import Iterable

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
        self.schema.get(path.classname, Status.INVALID_PARAMETER)
        source: Found = self.instances.get(self.typing.path(Path(path.classname, path.keys), namespace))
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
        if isinstance(object_name, ClassPath):
            paths = self.classes.associated(self._known(object_name), wanted, namespace)
            return self._class_views(paths, include_qualifiers, include_class_origin)
        items = _once(step.target.item for step in self._steps(namespace, object_name, wanted))
        return Answer(Form.OBJECT_WITH_PATH, items, selection(property_list, include_class_origin))

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
            return Answer(Form.CLASS_PATH, self.classes.associated(self._known(object_name), wanted, namespace))
        items = _once(step.target.item for step in self._steps(namespace, object_name, wanted))
        return Answer(Form.OBJECT_PATH, items)

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
        wanted = self._wanted(result_class, None, role, None)
        if isinstance(object_name, ClassPath):
            paths = self.classes.associations(self._known(object_name), wanted, namespace)
            return self._class_views(paths, include_qualifiers, include_class_origin)
        steps = self._steps(namespace, object_name, wanted)
        items = _once(self.associations.link(step, namespace) for step in steps)
        return Answer(Form.OBJECT_WITH_PATH, items, selection(property_list, include_class_origin))

    def _reference_names(
        self, namespace: str, object_name: Path | ClassPath, result_class: str | None, role: str | None
    ) -> Answer:
        wanted = self._wanted(result_class, None, role, None)
        if isinstance(object_name, ClassPath):
            return Answer(Form.CLASS_PATH, self.classes.associations(self._known(object_name), wanted, namespace))
        steps = self._steps(namespace, object_name, wanted)
        return Answer(Form.OBJECT_PATH, _once(self.associations.link(step, namespace) for step in steps))

    def _known(self, path: ClassPath) -> str:
        return self.schema.get(path.classname, Status.INVALID_PARAMETER).name

    def _class_views(self, paths: list[ClassPath], qualifiers: bool, class_origin: bool) -> Answer:
        views = [(path, self.classes.view(path.classname, False, qualifiers, class_origin)) for path in paths]
        return Answer(Form.CLASS_WITH_PATH, views)


def _once(items: Iterable[Item]) -> Iterable[Item]:
    """An instance that is reached twice is answered once."""
    return {item.path: item for item in items}.values()
