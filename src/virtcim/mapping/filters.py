"""Network filters and their rules: libvirt's nwfilters as CIM_FilterList and CIM_FilterEntryBase."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from virtcim.mapping.filter_values import (
    IP_NUMBERS,
    IP_PROTOCOLS,
    V6_NUMBERS,
    digits,
    ether_type,
    ip_in,
    ip_out,
    mac_in,
    mac_out,
    mask_in,
    mask_out,
    number_out,
    prefix_mask,
    protocol_number,
)
from virtcim.mapping.table import LABELS, BadProperty, Incompatible, Properties, Row, Table, to_cim, to_xml
from virtcim.model.fields import ModelError
from virtcim.model.nwfilter import FilterReference, NwFilter, Rule

__all__ = ["ETHERNET_CLASS", "IP_CLASS", "PLAIN_CLASS", "FilterReference", "NwFilter", "Rule"]

PLAIN_CLASS, ETHERNET_CLASS, IP_CLASS = "Virt_FilterEntry", "Virt_Hdr8021Filter", "Virt_IPHeadersFilter"
ETHERNET_PROTOCOLS = {"mac": None, "vlan": 0x8100, "stp": None, "arp": 0x0806, "rarp": 0x8035}
PERMIT, DENY, ANY = 1, 2, 4  # Action; TrafficType
ACTIONS = {"accept": PERMIT, "drop": DENY}
DIRECTIONS = {"in": 1, "out": 2, "inout": 3}
NOT_APPLICABLE = 0  # Direction
PRIORITY = 500  # libvirt's own for a rule that names none
DEFAULT_ACTION, DEFAULT_DIRECTION = "drop", "inout"
WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def class_of(rule: Rule) -> str:
    """The class for what the rule looks at."""
    if rule.protocol in ETHERNET_PROTOCOLS:
        return ETHERNET_CLASS
    return IP_CLASS if rule.protocol in IP_PROTOCOLS else PLAIN_CLASS


# What a rule matches


Out = Callable[[str], Any]
Back = Callable[[str, Any], str]
# Property of CIM -> attribute of libvirt's, and the way between their values
ETHERNET_MATCHES: dict[str, tuple[str, Out, Back]] = {
    "HdrSrcMACAddr8021": ("srcmacaddr", mac_out, mac_in),
    "HdrSrcMACMask8021": ("srcmacmask", mac_out, mac_in),
    "HdrDestMACAddr8021": ("dstmacaddr", mac_out, mac_in),
    "HdrDestMACMask8021": ("dstmacmask", mac_out, mac_in),
    "HdrProtocolID8021": ("protocolid", ether_type, digits),
    "HdrVLANID8021": ("vlanid", number_out, digits),
}
IP_MATCHES: dict[str, tuple[str, Out, Back]] = {
    "HdrSrcAddress": ("srcipaddr", ip_out, ip_in),
    "HdrSrcMask": ("srcipmask", mask_out, mask_in),
    "HdrSrcAddressEndOfRange": ("srcipto", ip_out, ip_in),
    "HdrDestAddress": ("dstipaddr", ip_out, ip_in),
    "HdrDestMask": ("dstipmask", mask_out, mask_in),
    "HdrDestAddressEndOfRange": ("dstipto", ip_out, ip_in),
    "HdrProtocolID": ("protocol", protocol_number, digits),
    "HdrSrcPortStart": ("srcportstart", number_out, digits),
    "HdrSrcPortEnd": ("srcportend", number_out, digits),
    "HdrDestPortStart": ("dstportstart", number_out, digits),
    "HdrDestPortEnd": ("dstportend", number_out, digits),
}
MATCHES = {ETHERNET_CLASS: ETHERNET_MATCHES, IP_CLASS: IP_MATCHES, PLAIN_CLASS: {}}
RANGES = {"HdrSrcAddress": "srcipfrom", "HdrDestAddress": "dstipfrom"}  # where a range begins


def entry(rule: Rule) -> Properties:
    """A rule but for its keys."""
    classname, matches = class_of(rule), rule.matches
    found: Properties = {
        "Action": ACTIONS.get(rule.action or ""),
        "RuleAction": rule.action,
        "Direction": DIRECTIONS.get(rule.direction or "", NOT_APPLICABLE),
        "Priority": PRIORITY if rule.priority is None else rule.priority,
        "IsNegated": matches.get("match") == "no",
        "Protocol": rule.protocol,
        "MatchNames": list(matches) or None,
        "MatchValues": list(matches.values()) or None,
        "TrafficType": ANY if classname == PLAIN_CLASS else None,
        **_implied(rule.protocol),
    }
    found |= _shown(classname, rule.protocol, matches)
    return {name: value for name, value in found.items() if value is not None}


def _shown(classname: str, protocol: str | None, matches: dict[str, str]) -> Properties:
    """What is matched, as far as CIM has properties for it."""
    found: Properties = {}
    for name, (attribute, out, _) in MATCHES[classname].items():
        text = matches.get(attribute) or matches.get(RANGES.get(name, ""))
        v6 = out is mask_out and protocol in V6_NUMBERS
        value = None if text is None else prefix_mask(text, 6) if v6 else out(text)
        if value is not None:
            found[name] = value
    return found


def _implied(protocol: str | None) -> Properties:
    """What follows from the protocol that a rule is written for."""
    if protocol in ETHERNET_PROTOCOLS:
        return {"HdrProtocolID8021": ETHERNET_PROTOCOLS[protocol]}
    if protocol not in IP_PROTOCOLS:
        return {}
    return {"HdrIPVersion": 6 if protocol in V6_NUMBERS else 4, "HdrProtocolID": IP_PROTOCOLS[protocol]}


# New rules and filters


def new_rule(classname: str, properties: Properties) -> Rule:
    """The rule that an entry asks for; `classname` is one of the three. Raises BadProperty."""
    known = {
        *LABELS, "Name", "SystemName", "SystemCreationClassName", "CreationClassName", "Action", "RuleAction",
        "Direction", "Priority", "IsNegated", "Protocol", "MatchNames", "MatchValues", "TrafficType", "HdrIPVersion",
        *MATCHES[classname],
    }  # fmt: skip
    for name in properties:
        if name not in known:
            raise BadProperty(name, "has no place in a rule of libvirt")
    rule = Rule.new()
    try:
        rule.action = _action(properties)
        rule.direction = _direction(properties)
        rule.priority = properties.get("Priority")
        protocol = _protocol(classname, properties)
        matches = _given_matches(properties)
        matches |= _standard_matches(classname, properties, matches)
        if protocol is not None:
            rule.match(protocol, ({"match": "no"} if properties.get("IsNegated") else {}) | matches)
        elif matches:
            raise BadProperty("Protocol", "is missing: it says what the values are matched against")
    except ModelError as error:
        raise BadProperty("Protocol, MatchNames, MatchValues, Priority or RuleAction", f"cannot be: {error}") from error
    return rule


def _action(properties: Properties) -> str:
    words = {number: word for word, number in ACTIONS.items()}
    number, word = properties.get("Action"), properties.get("RuleAction")
    if number is not None and number not in words:
        raise BadProperty("Action", f"{number} is not {PERMIT} (Permit) or {DENY} (Deny)")
    asked = None if number is None else words[number]
    if word and asked and word != asked:
        raise Incompatible("RuleAction", f"{word!r} contradicts Action {number}")
    return str(word or asked or DEFAULT_ACTION)


def _direction(properties: Properties) -> str:
    number = properties.get("Direction") or DIRECTIONS[DEFAULT_DIRECTION]
    for word, known in DIRECTIONS.items():
        if number == known:
            return word
    raise BadProperty("Direction", f"{number} is not 1 (Input), 2 (Output) or 3 (Both)")


def _protocol(classname: str, properties: Properties) -> str | None:
    given = properties.get("Protocol")
    if given:
        fitting = {ETHERNET_CLASS: ETHERNET_PROTOCOLS, IP_CLASS: IP_PROTOCOLS}.get(classname)
        if fitting is not None and given not in fitting:
            raise BadProperty("Protocol", f"{given!r} is not one of {', '.join(fitting)}")
        return str(given)
    if classname == ETHERNET_CLASS:
        return "mac"
    if classname == PLAIN_CLASS:
        return None
    number = properties.get("HdrProtocolID")
    words = V6_NUMBERS if properties.get("HdrIPVersion") == 6 else IP_NUMBERS
    return next((word for word, known in words.items() if known == number and not word.startswith("ip")), "all")


def _given_matches(properties: Properties) -> dict[str, str]:
    names, values = properties.get("MatchNames") or [], properties.get("MatchValues") or []
    if len(names) != len(values):
        raise BadProperty("MatchValues", "needs as many entries as MatchNames")
    for name in names:
        if not WORD.fullmatch(name):
            raise BadProperty("MatchNames", f"{name!r} is no name of an attribute")
    return dict(zip(names, values, strict=True))


def _standard_matches(classname: str, properties: Properties, given: dict[str, str]) -> dict[str, str]:
    """What the properties of CIM say beyond what MatchNames and the protocol say already."""
    found = {}
    protocol = _protocol(classname, properties)
    shown = _implied(protocol) | _shown(classname, protocol, given)
    for name, (attribute, _, back) in MATCHES[classname].items():
        value = properties.get(name)
        if value is None or value == shown.get(name):
            continue
        ranged = name in RANGES and properties.get(f"{name}EndOfRange") is not None
        attribute = RANGES[name] if ranged else attribute
        if attribute in given:
            raise Incompatible(name, f"{value!r} contradicts the {attribute} in MatchNames")
        found[attribute] = back(name, value)
    return found


FILTER: Table[NwFilter] = Table((
    Row("Name", NwFilter.name),
    Row("Chain", NwFilter.chain),
    Row("Priority", NwFilter.priority),
    Row("Direction", lambda _: NOT_APPLICABLE),
    *(Row(name, None) for name in ("SystemName", "SystemCreationClassName", "CreationClassName")),
))  # fmt: skip


def head(document: NwFilter) -> Properties:
    """What a filter says of itself."""
    return {"InstanceID": document.uuid, **to_cim(FILTER, document)}


def new_filter(properties: Properties) -> NwFilter:
    """An empty filter as asked for. Raises BadProperty."""
    name = properties.get("Name")
    if not name or "/" in name or name.isspace():
        raise BadProperty("Name", f"{name!r} is not a name: it is empty or has a slash")
    document = NwFilter.new()
    to_xml(FILTER, properties, document, new=True)
    return document


def includes(document: NwFilter, name: str) -> bool:
    """Whether a filter names another one."""
    return any(one.filter == name for one in document.references)


def include(document: NwFilter, name: str) -> None:
    """Add another filter at the end."""
    one = FilterReference.new()
    one.filter = name
    document.add(one)


def exclude(document: NwFilter, name: str) -> None:
    for one in document.references:
        if one.filter == name:
            one.remove()
