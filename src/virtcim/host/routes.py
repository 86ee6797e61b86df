"""Ways from one host to another's libvirt, for moving domains there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import libvirt

from virtcim.host.errors import HostError, Kind, translated
from virtcim.host.opening import open_within, redacted
from virtcim.host.settings import MigrationSettings
from virtcim.host.system import Host
from virtcim.messages import message
from virtcim.model.capabilities import Capabilities

PATHS = {"qemu": "/system", "test": "/default"}
LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Route:
    """A way to a host: over the link that the server has to it, or by a URI that its libvirt is reached at.

    `host` is the destination where the server manages it. With a URI the libvirt of this host goes there by itself,
    so that the move does not depend on the server. `socket` is the directory of local sockets for the data.
    """

    name: str
    host: Host | None = None
    uri: str = ""
    tls: bool = False
    tunnelled: bool = False
    socket: str = ""
    timeout: float = 20.0

    @contextmanager
    def connection(self) -> Iterator[libvirt.virConnect]:
        """The destination's libvirt. HostError(UNREACHABLE) when it cannot be reached."""
        if self.host is not None and not self.uri:
            with self.host.link.borrow() as connection:
                yield connection
            return
        connection = self._open()
        try:
            yield connection
        except libvirt.libvirtError as error:
            raise translated(error) from error
        finally:
            with suppress(libvirt.libvirtError):  # a dead connection says so when it is closed
                connection.close()

    def _open(self) -> libvirt.virConnect:
        shown = redacted(self.uri).partition("?")[0]  # what follows are files of the server
        try:
            return open_within(self.uri, self.timeout)
        except (libvirt.libvirtError, TimeoutError) as error:
            text = " ".join(str(error).replace(self.uri, shown).split())  # what ssh says has several lines
            raise HostError(Kind.UNREACHABLE, message("MIGRATION_DEST_UNREACHABLE", shown, text)) from error


def uri_to(source: Host, name: str, transport: str, *, verify: bool = True) -> str:
    """The URI of another host's libvirt: of the driver that the source has, `transport` as ssh, tls or tcp."""
    driver = urlsplit(source.uri).scheme.partition("+")[0]
    settings = source.settings.migration
    user = f"{settings.ssh_user}@" if transport == "ssh" and settings.ssh_user else ""
    query = urlencode(_parameters(settings, transport, verify), safe="/")
    path = PATHS.get(driver, "/")
    return f"{driver}+{transport}://{user}{name}{path}" + (f"?{query}" if query else "")


def _parameters(settings: MigrationSettings, transport: str, verify: bool) -> dict[str, str]:
    """What libvirt's URIs say beyond the host; nobody is there to type a password at a prompt."""
    given = {
        "no_tty": "1" if transport == "ssh" else "",
        "keyfile": settings.ssh_key if transport == "ssh" else "",
        "pkipath": settings.pki_directory if transport == "tls" else "",
        "no_verify": "" if verify or transport != "tls" else "1",
        "authfile": settings.auth_file,
    }
    return {name: value for name, value in given.items() if value}


def is_itself(source: Host, name: str) -> bool:
    """Whether a name or address means the host itself, as far as that shows without asking it."""
    return name.lower() in (*LOCAL, source.name.lower())


def host_uuid(connection: libvirt.virConnect) -> str | None:
    """What tells a host from others, where its driver knows."""
    return Capabilities.parse(connection.getCapabilities()).host_uuid
