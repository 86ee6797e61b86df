"""Rules of network filters as CIM properties, and properties as rules."""

from __future__ import annotations

from typing import Any

import pytest

from virtcim.mapping import filters
from virtcim.mapping.table import BadProperty
from virtcim.model.nwfilter import Rule

MAC = [0, 0, 0, 10, 0x52, 0x54, 0, 1, 2, 3]
ETHERNET, IP, PLAIN = filters.ETHERNET_CLASS, filters.IP_CLASS, filters.PLAIN_CLASS

READ: dict[str, tuple[str, str, dict[str, Any]]] = {
    "everything": (
        "<rule action='drop' direction='inout' priority='1000'/>",
        PLAIN,
        {"Action": 2, "RuleAction": "drop", "Direction": 3, "Priority": 1000, "IsNegated": False, "TrafficType": 4},
    ),
    "addresses of a frame": (
        "<rule action='accept' direction='in'><mac srcmacaddr='52:54:00:01:02:03' protocolid='arp'/></rule>",
        ETHERNET,
        {"Action": 1, "Direction": 1, "Priority": 500, "HdrSrcMACAddr8021": MAC, "HdrProtocolID8021": 0x0806},
    ),
    "a variable is no address": (
        "<rule action='return' direction='out'><mac srcmacaddr='$MAC'/></rule>",
        ETHERNET,
        {"RuleAction": "return", "MatchNames": ["srcmacaddr"], "MatchValues": ["$MAC"], "HdrSrcMACAddr8021": None,
         "Action": None, "Direction": 2},
    ),
    "addresses of ARP": (
        "<rule action='drop' direction='out'><arp match='no' arpsrcipaddr='$IP'/></rule>",
        ETHERNET,
        {"HdrProtocolID8021": 0x0806, "IsNegated": True, "MatchNames": ["match", "arpsrcipaddr"]},
    ),
    "ports": (
        "<rule action='accept' direction='in'><tcp dstportstart='80' dstportend='90'/></rule>",
        IP,
        {"HdrIPVersion": 4, "HdrProtocolID": 6, "HdrDestPortStart": 80, "HdrDestPortEnd": 90, "Protocol": "tcp"},
    ),
    "a range of addresses": (
        "<rule action='accept' direction='in'><udp srcipfrom='10.0.0.1' srcipto='10.0.0.9' srcipmask='24'/></rule>",
        IP,
        {"HdrSrcAddress": [0, 0, 0, 8, 10, 0, 0, 1], "HdrSrcAddressEndOfRange": [0, 0, 0, 8, 10, 0, 0, 9],
         "HdrSrcMask": [0, 0, 0, 8, 255, 255, 255, 0]},
    ),
    "IPv6": (
        "<rule action='accept' direction='in'><ipv6 dstipaddr='fe80::1' dstipmask='64' protocol='icmpv6'/></rule>",
        IP,
        {"HdrIPVersion": 6, "HdrProtocolID": 58, "HdrDestMask": [0, 0, 0, 20, *[255] * 8, *[0] * 8]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("xml", "classname", "shown"), READ.values(), ids=READ.keys())
def test_a_rule_is_shown(xml: str, classname: str, shown: dict[str, Any]) -> None:
    rule = Rule.parse(xml)
    assert filters.class_of(rule) == classname
    found = filters.entry(rule)
    assert {name: found.get(name) for name in shown} == shown


@pytest.mark.parametrize("xml", [xml for xml, _, _ in READ.values()], ids=READ.keys())
def test_a_rule_that_is_shown_can_be_made(xml: str) -> None:
    """The client sends all that it was shown."""
    rule = Rule.parse(xml)
    shown = filters.entry(rule)
    again = filters.new_rule(filters.class_of(rule), shown)
    assert filters.entry(again) == shown
    assert (again.protocol, again.matches) == (rule.protocol, rule.matches)


MADE: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing said": (PLAIN, {}, '<rule action="drop" direction="inout"/>'),
    "by an address": (
        ETHERNET,
        {"Action": 1, "Direction": 1, "HdrDestMACAddr8021": MAC},
        '<rule action="accept" direction="in"><mac dstmacaddr="52:54:00:01:02:03"/></rule>',
    ),
    "without the length of the octets": (
        ETHERNET,
        {"HdrSrcMACAddr8021": MAC[4:]},
        '<rule action="drop" direction="inout"><mac srcmacaddr="52:54:00:01:02:03"/></rule>',
    ),
    "by a port": (
        IP,
        {"HdrProtocolID": 17, "HdrDestPortStart": 53, "Priority": 10},
        '<rule action="drop" direction="inout" priority="10"><udp dstportstart="53"/></rule>',
    ),
    "of IPv6": (
        IP,
        {"HdrIPVersion": 6, "HdrProtocolID": 58},
        '<rule action="drop" direction="inout"><icmpv6/></rule>',
    ),
    "by a mask": (
        IP,
        {"HdrSrcAddress": [10, 0, 0, 0], "HdrSrcMask": [255, 0, 0, 0], "IsNegated": True},
        '<rule action="drop" direction="inout"><all match="no" srcipaddr="10.0.0.0" srcipmask="8"/></rule>',
    ),
}


@pytest.mark.parametrize(("classname", "given", "xml"), MADE.values(), ids=MADE.keys())
def test_a_rule_is_made(classname: str, given: dict[str, Any], xml: str) -> None:
    assert filters.new_rule(classname, given).xml == xml


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no such action": (PLAIN, {"Action": 3}, "Action"),
    "no such word": (PLAIN, {"RuleAction": "bounce"}, "RuleAction"),
    "two actions": (PLAIN, {"Action": 1, "RuleAction": "drop"}, "RuleAction"),
    "no such direction": (PLAIN, {"Direction": 4}, "Direction"),
    "beyond the priorities": (PLAIN, {"Priority": 1001}, "Priority"),
    "a value for nothing": (PLAIN, {"MatchNames": ["srcmacaddr"], "MatchValues": ["$MAC"]}, "Protocol"),
    "names without values": (ETHERNET, {"MatchNames": ["srcmacaddr"]}, "MatchValues"),
    "a name that XML cannot hold": (ETHERNET, {"MatchNames": ["a b"], "MatchValues": ["x"]}, "MatchNames"),
    "a value that XML cannot hold": (ETHERNET, {"MatchNames": ["a"], "MatchValues": ["\x01"]}, "MatchValues"),
    "a protocol of another class": (ETHERNET, {"Protocol": "tcp"}, "Protocol"),
    "a protocol that XML cannot hold": (PLAIN, {"Protocol": "<"}, "Protocol"),
    "half an address": (ETHERNET, {"HdrSrcMACAddr8021": [1, 2, 3]}, "HdrSrcMACAddr8021"),
    "a mask with holes": (IP, {"HdrSrcMask": [255, 0, 255, 0]}, "HdrSrcMask"),
    "what libvirt has not": (IP, {"HdrFlowLabel": [1]}, "HdrFlowLabel"),
}


@pytest.mark.parametrize(("classname", "given", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(classname: str, given: dict[str, Any], named: str) -> None:
    with pytest.raises(BadProperty) as refused:
        filters.new_rule(classname, given)
    assert named in str(refused.value)


@pytest.mark.parametrize("name", ["", " ", "a/b"])
def test_a_filter_needs_a_name(name: str) -> None:
    with pytest.raises(BadProperty, match="Name"):
        filters.new_filter({"Name": name})
