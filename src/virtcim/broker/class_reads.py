"""The operations that read classes and qualifier types (DSP0200 clause 5.3.2)."""

from __future__ import annotations

from virtcim.broker.call import Answer, Form
from virtcim.broker.classes import Classes
from virtcim.broker.schema import Schema
from virtcim.broker.selecting import Names


class ClassReads:
    """Answers them from a schema."""

    schema: Schema
    classes: Classes

    def _get_class(
        self,
        namespace: str,
        class_name: str,
        local_only: bool,
        include_qualifiers: bool,
        include_class_origin: bool,
        property_list: Names,
    ) -> Answer:
        view = self.classes.view(class_name, local_only, include_qualifiers, include_class_origin, property_list)
        return Answer(Form.CLASS, (view,))

    def _enumerate_classes(
        self,
        namespace: str,
        class_name: str | None,
        deep_inheritance: bool,
        local_only: bool,
        include_qualifiers: bool,
        include_class_origin: bool,
    ) -> Answer:
        names = self.classes.names(class_name, deep_inheritance)
        views = (self.classes.view(name, local_only, include_qualifiers, include_class_origin) for name in names)
        return Answer(Form.CLASS, views)

    def _enumerate_class_names(self, namespace: str, class_name: str | None, deep_inheritance: bool) -> Answer:
        return Answer(Form.CLASS_NAME, self.classes.names(class_name, deep_inheritance))

    def _get_qualifier(self, namespace: str, qualifier_name: str) -> Answer:
        return Answer(Form.QUALIFIER, (self.classes.qualifier(qualifier_name),))

    def _enumerate_qualifiers(self, namespace: str) -> Answer:
        return Answer(Form.QUALIFIER, self.schema.qualifiers.values())
