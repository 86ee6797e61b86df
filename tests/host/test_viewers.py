"""Who looks at consoles: what libvirt's events add up to, and who was there before."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from virtcim.host.addresses import Peer, canonical, established
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.viewers import Viewers

CONNECT, INITIALIZE, DISCONNECT = 0, 1, 2  # virDomainEventGraphicsPhase
STOPPED, STARTED = 5, 2  # virDomainEventType
ONE, OTHER = Peer(5901, "10.0.0.1", "40001"), Peer(5901, "10.0.0.1", "40002")


@dataclass
class Domain:
    uuid: str = "u"
    active: bool = True
    state_xml: str = ""


def seen(viewers: Viewers, phase: int, peer: Peer, uuid: str = "u") -> bool:
    return viewers.take(Event(Topic.DOMAIN, EventKind.GRAPHICS, uuid, "guest", (phase, *peer)))


def lived(viewers: Viewers, change: int) -> bool:
    return viewers.take(Event(Topic.DOMAIN, EventKind.LIFECYCLE, "u", "guest", (change, 0)))


STORIES: dict[str, tuple[list[tuple[int, Peer]], tuple[Peer, ...]]] = {
    "nobody": ([], ()),
    "came": ([(CONNECT, ONE)], (ONE,)),
    "came and logged in": ([(CONNECT, ONE), (INITIALIZE, ONE)], (ONE,)),
    "logged in, having come before": ([(INITIALIZE, ONE)], (ONE,)),
    "came and went": ([(CONNECT, ONE), (INITIALIZE, ONE), (DISCONNECT, ONE)], ()),
    "went, having come before": ([(DISCONNECT, ONE)], ()),
    "two": ([(CONNECT, OTHER), (CONNECT, ONE)], (ONE, OTHER)),
    "two, and one left": ([(CONNECT, OTHER), (CONNECT, ONE), (DISCONNECT, OTHER)], (ONE,)),
}


@pytest.mark.parametrize("name", STORIES)
def test_events_add_up(name: str) -> None:
    viewers = Viewers()
    story, left = STORIES[name]
    for phase, peer in story:
        seen(viewers, phase, peer)
    assert viewers.of(Domain()) == left
    assert viewers.of(Domain(uuid="another")) == ()
    assert viewers.of(Domain(active=False)) == ()


def test_only_changes_are_news() -> None:
    viewers = Viewers()
    assert [seen(viewers, phase, ONE) for phase in (CONNECT, INITIALIZE, DISCONNECT, DISCONNECT)] == [
        True,
        False,
        True,
        False,
    ]


def test_who_looks_at_a_guest_goes_with_it() -> None:
    viewers = Viewers()
    seen(viewers, CONNECT, ONE)
    assert (lived(viewers, STARTED), viewers.of(Domain())) == (False, (ONE,))
    assert (lived(viewers, STOPPED), viewers.of(Domain())) == (True, ())
    assert not lived(viewers, STOPPED)


def test_a_new_connection_to_libvirt_begins_anew() -> None:
    viewers = Viewers()
    seen(viewers, CONNECT, ONE)
    viewers.begin(local=False)
    assert viewers.of(Domain()) == ()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("attribute", ["port", "tlsPort", "websocket"])
def test_who_was_there_before(family: socket.AddressFamily, attribute: str) -> None:
    """By the connections of this machine to the ports that a document names, until all domains have been read."""
    here = "127.0.0.1" if family == socket.AF_INET else "::1"
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((here, 0), family=family))
        client = stack.enter_context(socket.create_connection(server.getsockname()[:2]))
        peer = Peer(server.getsockname()[1], here, str(client.getsockname()[1]))
        assert established()[peer.at] == {peer}
        domain = Domain(state_xml=f"<graphics type='vnc' {attribute}='{peer.at}' autoport='yes'>")
        viewers = Viewers()
        viewers.begin(local=True)
        assert viewers.of(domain) == (peer,)
        assert viewers.of(Domain("late", state_xml="<graphics type='vnc' port='-1'>")) == ()
        viewers.settle()
        assert viewers.of(Domain("new", state_xml=domain.state_xml)) == ()
        seen(viewers, DISCONNECT, peer)
        assert viewers.of(domain) == ()


def test_who_left_while_domains_were_read_stays_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        peer = Peer(server.getsockname()[1], "127.0.0.1", str(client.getsockname()[1]))
        domain = Domain(state_xml=f"<graphics type='vnc' port='{peer.at}'>")
        viewers = Viewers()
        viewers.begin(local=True)
        assert viewers.of(domain) == (peer,)
        seen(viewers, DISCONNECT, peer)
        assert viewers.of(domain) == ()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("FE80::1%eth0", "fe80::1"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
    ids=["IPv4", "IPv4 in IPv6", "with an interface", "none", "no address"],
)
def test_forms_of_addresses(text: str, form: str) -> None:
    assert canonical(text) == form
