"""The front of the server, assembled from the settings: who may come in how, and where it listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from virtcim import config_values
from virtcim.broker.call import ClassDef
from virtcim.config import Settings
from virtcim.later import Later
from virtcim.wire import heap
from virtcim.wire.app import App
from virtcim.wire.auth import Authenticator, AuthRules, Passwords
from virtcim.wire.connections import Connections
from virtcim.wire.encoders import ClassesIn
from virtcim.wire.entrance import Entrance, Health
from virtcim.wire.files import Reloaded
from virtcim.wire.guard import Guard
from virtcim.wire.limits import Limits
from virtcim.wire.measured import Reading
from virtcim.wire.metrics import Metrics, Readings
from virtcim.wire.needs import Blocking, Dispatch
from virtcim.wire.passwords import PasswordFile
from virtcim.wire.paths import Classes
from virtcim.wire.replies import Caveats
from virtcim.wire.roles import Access, read_access
from virtcim.wire.server import Beat, HttpServer
from virtcim.wire.tls import Tls, TlsFiles, reloaded

if TYPE_CHECKING:
    from virtcim.wire import pam
else:
    pam = Later("virtcim.wire.pam")


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What is behind the front. `namespaces` maps each served name to the real one; `host` is named in paths."""

    dispatch: Dispatch
    blocking: Blocking
    classes: Classes
    find_class: Callable[[str], ClassDef | None]
    namespaces: Mapping[str, str]
    host: str
    readings: Iterable[Readings] = ()
    health: Health = lambda: {"status": "ok"}
    caveats: Callable[[], Caveats] = Caveats
    classes_in: ClassesIn = lambda _: None


class Front:
    """Serves what is behind it. Errors: OSError and ValueError that name the file which cannot be used."""

    def __init__(self, settings: Settings, behind: Behind, beat: tuple[Beat, float] | None = None) -> None:
        heap.keep_small()
        limits = limits_of(settings)
        self._files: list[Reloaded[Access] | Reloaded[dict[str, str]] | Tls] = []
        self._guard = Guard(self._access(settings), behind.find_class, behind.namespaces)
        self._authenticator = Authenticator(self._rules(settings))
        self._metrics = Metrics([self._readings, *behind.readings])
        judge, done = self._guard, self._metrics.done
        self._app = App(
            behind.dispatch,
            behind.blocking,
            behind.classes,
            limits,
            behind.host,
            judge,
            done,
            behind.caveats,
            behind.classes_in,
        )
        may_watch = None if settings.open_metrics else self._guard.has_role
        self._entrance = Entrance(self._app, self._authenticator, self._metrics, behind.health, may_watch)
        self.connections = Connections(limits.max_connections)
        urls = [config_values.listen(url).url for url in settings.listen]
        tls, group = self._tls(settings), settings.unix_socket_group
        ready = self._entrance.ready
        self._http = HttpServer(self._entrance, urls, limits, tls, group, self.connections, beat, ready)

    @property
    def urls(self) -> list[str]:
        """Everything listened on."""
        return self._http.urls

    @property
    def web_urls(self) -> list[str]:
        """Those that clients elsewhere can use."""
        return [url for url in self.urls if not url.startswith("unix:")]

    def start(self) -> None:
        """Listen. Errors: OSError that names the URL."""
        self._http.start()

    def stop(self) -> None:
        """Answer the calls under way, for which there is the stop time-out, refuse others, then close everything."""
        self._entrance.stop_calls()
        self._http.stop()
        self._entrance.close()

    def reload(self) -> None:
        """Read certificates, passwords and roles again; what cannot be used is logged, and the old stays in force."""
        for files in self._files:
            files.reload()

    def _access(self, settings: Settings) -> Callable[[], Access]:
        path = settings.access_file
        if path is None:
            return Access
        access = Reloaded(lambda: read_access(path), [path])
        self._files.append(access)
        return access.get

    def _rules(self, settings: Settings) -> AuthRules:
        passwords: list[Passwords] = []
        if "file" in settings.authentication and settings.password_file is not None:
            file = PasswordFile(settings.password_file)
            self._files.append(file.entries)
            passwords.append(file)
        if "pam" in settings.authentication:
            passwords.append(pam.Pam(settings.pam_service))
        return AuthRules(
            anonymous="none" in settings.authentication,
            passwords=passwords,
            certificate_user=self._guard.certificate_user,
            lockout_failures=settings.lockout_failures,
            lockout_seconds=settings.lockout_seconds,
            remember=settings.password_cache,
            checks=settings.max_password_checks,
        )

    def _tls(self, settings: Settings) -> dict[str, Tls]:
        found: dict[str, Tls] = {}
        for wanted in map(config_values.listen, settings.listen):
            certificate = wanted.certificate or settings.tls_certificate
            key = wanted.key or settings.tls_key
            if wanted.scheme == "https" and certificate and key:
                found[wanted.url] = reloaded(_tls_files(settings, certificate, key))
        self._files += found.values()
        return found

    def _readings(self) -> Iterable[Reading]:
        yield Reading("virtcim_in_flight", "Requests under way.", {(): self._app.in_flight})
        yield Reading("virtcim_connections", "Client connections.", {(): len(self.connections)})
        given_up, refused = self.connections.given_up, self.connections.refused
        yield Reading("virtcim_connections_given_up", "Idle connections closed in favour of new ones.", {(): given_up})
        yield Reading("virtcim_connections_refused", "New connections refused.", {(): refused})
        failures = self._authenticator.failures
        yield Reading("virtcim_authentication_failures", "Callers who were not who they said.", {(): failures})


def limits_of(settings: Settings) -> Limits:
    """How much of the server one client may use."""
    return Limits(
        max_request_bytes=settings.max_request_bytes,
        max_header_bytes=settings.max_header_bytes,
        max_depth=settings.max_xml_depth,
        max_nodes=settings.max_xml_nodes,
        max_connections=settings.max_connections,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
        keep_alive=settings.keep_alive,
        stop_timeout=settings.stop_timeout,
        workers=settings.workers,
        max_in_flight=settings.max_in_flight,
        max_in_flight_per_user=settings.max_in_flight_per_user,
    )


def _tls_files(settings: Settings, certificate: Path, key: Path) -> TlsFiles:
    clients = "off"
    if "certificate" in settings.authentication:
        clients = "required" if len(settings.authentication) == 1 else "optional"
    ca = settings.client_ca if clients != "off" else None
    return TlsFiles(certificate, key, ca, clients, settings.tls_minimum, settings.client_crl if ca else None)
