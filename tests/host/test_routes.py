"""Ways to other hosts: their URIs by transport and settings, and what an error may say of them."""

from __future__ import annotations

from typing import Any

import pytest

from virtcim.host import routes
from virtcim.host.errors import HostError, Kind
from virtcim.host.routes import Route
from virtcim.host.settings import HostSettings, MigrationSettings
from virtcim.host.system import Host

FILES = {"ssh_key": "/keys/id", "pki_directory": "/keys/pki", "auth_file": "/keys/auth"}
URIS: dict[str, tuple[str, str, dict[str, str], dict[str, Any], str]] = {
    "ssh": ("qemu:///system", "ssh", {}, {}, "qemu+ssh://node2/system?no_tty=1"),
    "ssh with all": (
        "qemu:///system", "ssh", {"ssh_user": "mover", **FILES}, {},
        "qemu+ssh://mover@node2/system?no_tty=1&keyfile=/keys/id&authfile=/keys/auth",
    ),
    "tls": ("qemu:///system", "tls", {"ssh_user": "x"}, {"verify": False}, "qemu+tls://node2/system?no_verify=1"),
    "tls strict": (
        "qemu+ssh://node1/system", "tls", FILES, {}, "qemu+tls://node2/system?pkipath=/keys/pki&authfile=/keys/auth",
    ),
    "tcp": ("qemu:///system", "tcp", {}, {"verify": False}, "qemu+tcp://node2/system"),
    "containers": ("lxc:///system", "tcp", {}, {}, "lxc+tcp://node2/"),
}  # fmt: skip


def host(uri: str, **settings: str) -> Host:
    return Host(uri, HostSettings(migration=MigrationSettings(**settings)))


@pytest.mark.parametrize(("uri", "transport", "settings", "more", "wanted"), URIS.values(), ids=URIS)
def test_uris(uri: str, transport: str, settings: dict[str, str], more: dict[str, Any], wanted: str) -> None:
    assert routes.uri_to(host(uri, **settings), "node2", transport, **more) == wanted


def test_an_address_in_a_uri() -> None:
    assert routes.uri_to(host("qemu:///system"), "[2001:db8::1]", "tcp") == "qemu+tcp://[2001:db8::1]/system"


def test_an_error_names_the_host_in_one_line() -> None:
    source = host("test:///default", auth_file="/keys/auth", ssh_key="/keys/id", ssh_user="mover")
    route = Route("nowhere.invalid", uri=routes.uri_to(source, "nowhere.invalid", "ssh"), timeout=10.0)
    with pytest.raises(HostError) as failed, route.connection():
        pass
    assert failed.value.kind is Kind.UNREACHABLE
    assert "test+ssh://nowhere.invalid/default is not reachable" in failed.value.message
    assert "file=" not in failed.value.message
    assert "\n" not in failed.value.message
