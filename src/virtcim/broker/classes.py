"""Class and qualifier operations (DSP0200 clause 5.3.2), and associations between classes."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.associations import Wanted
from virtcim.broker.call import CIMError, ClassDef, ClassPath, ClassView, PropertyDef, Status
from virtcim.broker.schema import Schema


class Classes:
    """What can be asked of the class repository."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def names(self, classname: str | None, deep: bool) -> list[str]:
        """Subclasses of a class, or of the root. Errors: CIMError INVALID_CLASS."""
        above = self.schema.get(classname).name if classname else None
        return list(self.schema.below(above)) if deep else list(self.schema.children(above))

    def view(
        self,
        classname: str,
        local_only: bool,
        qualifiers: bool,
        class_origin: bool,
        names: frozenset[str] | None = None,
    ) -> ClassView:
        """A class as asked for. Errors: CIMError NOT_FOUND."""
        return ClassView(self.schema.declared(classname), local_only, qualifiers, class_origin, names)

    def qualifier(self, name: str) -> object:
        """The declaration of a qualifier. Errors: CIMError NOT_FOUND."""
        found = self.schema.qualifiers.get(name.lower())
        if found is None:
            raise CIMError(Status.NOT_FOUND, f"qualifier {name} is not declared")
        return found

    def links(self, classname: str, wanted: Wanted) -> Iterator[tuple[ClassDef, PropertyDef, PropertyDef]]:
        """Association classes with a reference that a class fits, each with its near and far reference."""
        for association in self.schema:
            if association.is_association and self._below(association.name, wanted.association):
                references = [p for p in association.properties.values() if p.type == "reference"]
                for near in references:
                    for far in references:
                        if near is not far and self._fits(classname, near, far, wanted):
                            yield association, near, far

    def _fits(self, classname: str, near: PropertyDef, far: PropertyDef, wanted: Wanted) -> bool:
        return (
            self.schema.is_a(classname, near.reference_class or "")
            and wanted.role in (None, near.name.lower())
            and wanted.result_role in (None, far.name.lower())
            and (
                wanted.result is None
                or self.schema.is_a(wanted.result, far.reference_class or "")
                or self.schema.is_a(far.reference_class or "", wanted.result)
            )
        )

    def _below(self, name: str, above: str | None) -> bool:
        return above is None or self.schema.is_a(name, above)

    def associated(self, classname: str, wanted: Wanted, namespace: str) -> list[ClassPath]:
        """The classes at the far ends, once each."""
        names = {far.reference_class or "": None for _, _, far in self.links(classname, wanted)}
        return [ClassPath(name, namespace) for name in names]

    def associations(self, classname: str, wanted: Wanted, namespace: str) -> list[ClassPath]:
        """The association classes that refer to a class, once each."""
        names = {association.name: None for association, _, _ in self.links(classname, wanted)}
        return [ClassPath(name, namespace) for name in names]
