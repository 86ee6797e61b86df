"""Authorization: whether a caller's call is dispatched, and which objects of its answer may be seen."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from virtcim.broker.call import Answer, Call, CIMError, ClassDef, Item, MethodAnswer, Path, Status
from virtcim.wire import audit
from virtcim.wire.caller import Caller, Certificate
from virtcim.wire.names import CROSSING, SCHEMA, SESSION, changes, is_intrinsic, named_classes
from virtcim.wire.needs import Dispatch
from virtcim.wire.roles import ANY, Access, Rule

FindClass = Callable[[str], ClassDef | None]


class Guard:
    """Judges calls by the roles of their callers, before anything is looked up; writes the audit log.

    `find_class` gives a class or None; `namespaces` maps each served name, in lower case, to the real one.
    """

    def __init__(self, access: Callable[[], Access], find_class: FindClass, namespaces: Mapping[str, str]) -> None:
        self._access = access
        self._find_class = find_class
        self._namespaces = namespaces

    def answer(self, caller: Caller, call: Call, dispatch: Dispatch) -> Answer | MethodAnswer:
        """The answer of the dispatch. Errors: CIMError ACCESS_DENIED, which says nothing about what exists."""
        if caller.trusted and not changes(call):
            return dispatch(call)
        with audit.Record(caller, call) as record:
            rules = None if caller.trusted else self._allowing(caller, call)
            answer = dispatch(call)
            record.answered(answer)
        if rules is None or isinstance(answer, MethodAnswer) or not _may_cross(call):
            return answer
        if any(rule.classes == ANY for rule in rules):
            return answer
        items = (item for item in answer.items if self._visible(item, rules))
        return replace(answer, items=items, holds=None, ahead=None)

    def lets_see(self, caller: Caller, call: Call) -> bool:
        """Whether the caller may see whatever the answer to a call of the operations that read holds."""
        if caller.trusted:
            return True
        try:
            return not _may_cross(call) and bool(self._allowing(caller, call))
        except CIMError:
            return False

    def has_role(self, caller: Caller) -> bool:
        """Whether a caller may do anything at all."""
        return caller.trusted or bool(self._roles(caller.user, self._access()))

    def certificate_user(self, certificate: Certificate) -> str | None:
        """The user of a certificate: the mapped one, or the common name where no certificate is mapped."""
        mapped = self._access().certificates
        if not mapped:
            return certificate.common_name or None
        return mapped.get(certificate.subject) or mapped.get(f"sha256{certificate.fingerprint}")

    def _allowing(self, caller: Caller, call: Call) -> tuple[Rule, ...]:
        """The rules that allow the call. Errors: CIMError ACCESS_DENIED."""
        access = self._access()
        names = self._roles(caller.user, access)
        called = call.namespace.lower()
        spaces = {called, self._namespaces.get(called, called).lower()}
        covering = tuple(rule for rule in access.rules(names) if rule.covers(call, spaces))
        allowing = tuple(rule for rule in covering if self._class_fits(rule, call))
        if not allowing:
            raise CIMError(Status.ACCESS_DENIED, f"the roles of {caller.user} do not allow this {call.name}")
        return allowing

    def _roles(self, user: str, access: Access) -> tuple[str, ...]:
        return access.names(user, groups_of(user) if access.groups else ())

    def _class_fits(self, rule: Rule, call: Call) -> bool:
        if rule.classes == ANY or (is_intrinsic(call) and call.name.lower() in SESSION | SCHEMA):
            return True
        named = named_classes(call)
        return bool(named) and all(rule.shows(name, self._ancestry) for name in named)

    def _visible(self, item: object, rules: Iterable[Rule]) -> bool:
        if isinstance(item, Item):
            return any(rule.shows(item.cls.name, self._ancestry) for rule in rules)
        return not isinstance(item, Path) or any(rule.shows(item.classname, self._ancestry) for rule in rules)

    def _ancestry(self, classname: str) -> Iterable[str]:
        name: str | None = classname
        while name:
            yield name.lower()
            found = self._find_class(name)
            name = found.superclass if found else None


def groups_of(user: str) -> list[str]:
    """The groups of a user of this machine; none of a user whom it does not know."""
    try:
        known = pwd.getpwnam(user)
    except KeyError:
        return []
    return [name for number in os.getgrouplist(user, known.pw_gid) if (name := _group_name(number))]


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""


def _may_cross(call: Call) -> bool:
    """Whether the answer may hold objects of classes that the call does not name."""
    return is_intrinsic(call) and call.name.lower() in CROSSING
