"""Every setting: what it is called, how it is read, its default, what it means; and what does not go together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from virtcim import config_values as parse
from virtcim.resources import data_file

Complaints = Iterable[tuple[str, str]]
"""Setting, and what is wrong with it."""


def _setting(read: parse.Parser, default: object, text: str) -> Any:
    """One setting: how a raw value is read, its default (or a function of the environment), its documentation."""
    if callable(default):
        return field(metadata={"read": read, "help": text, "make": default})
    return field(default=default, metadata={"read": read, "help": text})


def embedded_node() -> str:
    """libvirt URI of the node that ships with the package; every open of it is a fresh copy."""
    return f"test://{data_file('node.xml')}"


def _default_connect(environ: Mapping[str, str]) -> tuple[str, ...]:
    del environ
    return (embedded_node(),)


def _default_state_dir(environ: Mapping[str, str]) -> Path:
    """/var/lib/virtcim for root, the XDG state directory for anyone else."""
    if os.geteuid() == 0:
        return Path("/var/lib/virtcim")
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state"
    return Path(home) / "virtcim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of virtcim; made by load(), which checks them. Times are seconds."""

    connect: tuple[str, ...] = _setting(
        parse.uris, _default_connect, "libvirt URIs to manage; without any, the embedded test node."
    )
    listen: tuple[str, ...] = _setting(
        parse.urls,
        ("http://127.0.0.1:5988",),
        "URLs to serve: http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/PATH; port 0 takes a free one.",
    )
    insecure_listen: bool = _setting(
        parse.boolean, False, "Allow listening beyond loopback without TLS, or without authentication."
    )
    tls_certificate: Path | None = _setting(
        parse.file, None, "PEM file of the certificate, and those that signed it, for https URLs that name none."
    )
    tls_key: Path | None = _setting(parse.file, None, "PEM file of that certificate's private key, not encrypted.")
    tls_minimum: str = _setting(parse.choice("1.2", "1.3"), "1.2", "Lowest version of TLS that is spoken.")
    client_ca: Path | None = _setting(
        parse.file, None, "PEM file of the authorities whose client certificates are accepted."
    )
    client_crl: Path | None = _setting(
        parse.file, None, "PEM file of revocation lists, one of each such authority; certificates on them are refused."
    )
    unix_socket_group: str = _setting(
        parse.word, "", "Group that may use the sockets of unix: URLs; empty leaves the group of the server."
    )
    authentication: tuple[str, ...] = _setting(
        parse.choices("none", "file", "pam", "certificate"),
        ("none",),
        "How callers show who they are: passwords in password_file, passwords checked by PAM, certificates, or none.",
    )
    password_file: Path | None = _setting(
        parse.file, None, "Users and password hashes, made with virtcim password; for authentication by file."
    )
    pam_service: str = _setting(parse.word, "virtcim", "PAM service that checks passwords, a file of /etc/pam.d.")
    access_file: Path | None = _setting(
        parse.file, None, "YAML file of roles and of who has them; without it all known users are readers."
    )
    lockout_failures: int = _setting(
        parse.whole(1), 5, "Wrong passwords for a user from one address before each further one has to wait."
    )
    lockout_seconds: float = _setting(parse.seconds(1), 300.0, "Longest such wait; silence as long ends it.")
    password_cache: float = _setting(
        parse.seconds(0), 60.0, "Seconds that a password found right is not checked again."
    )
    max_password_checks: int = _setting(
        parse.whole(1), 64, "Passwords being checked, or waiting for it, at the same time; above, 503."
    )
    open_metrics: bool = _setting(parse.boolean, False, "Show /metrics to everybody, not only to known users.")
    state_dir: Path = _setting(
        parse.directory,
        _default_state_dir,
        "Directory of durable state and caches; /var/lib/virtcim for root, else ~/.local/state/virtcim.",
    )
    naming: str = _setting(
        parse.choice("name", "uuid"),
        "name",
        "What keys are made of: name (as libvirt-cim's), or uuid (survives a rename, unique across hosts).",
    )
    legacy_resource_types: bool = _setting(
        parse.boolean,
        False,
        "Show disks with ResourceType 17, as libvirt-cim did, not 31; only with naming: name.",
    )
    legacy_errors: bool = _setting(
        parse.boolean,
        False,
        "Answer what a method refuses by a CIM error that says why, as libvirt-cim did, not by its return value.",
    )
    cimv2_alias: bool = _setting(parse.boolean, False, "Serve root/virt under the name root/cimv2 as well.")
    reconcile_interval: float = _setting(
        parse.seconds(0.1), 30.0, "Seconds between two looks at what libvirt announces by no event."
    )
    reread_interval: float = _setting(
        parse.seconds(1), 300.0, "Seconds between two readings of everything, for what those looks do not show."
    )
    storage_refresh_interval: float = _setting(
        parse.seconds(0),
        60.0,
        "Seconds between two looks for volumes that others made or deleted in storage pools; 0 never looks.",
    )
    keepalive_interval: int = _setting(
        parse.whole(1), 5, "Seconds of silence after which a libvirt connection is probed."
    )
    keepalive_count: int = _setting(
        parse.whole(1), 3, "Probes without an answer after which a libvirt connection counts as lost."
    )
    stale_limit: float = _setting(
        parse.seconds(1), 60.0, "Seconds that reads are answered from memory while libvirt hangs; then they fail."
    )
    max_request_bytes: int = _setting(parse.whole(1024), 16 * 1024 * 1024, "Largest request body, in bytes.")
    max_xml_depth: int = _setting(parse.whole(16), 64, "Deepest nesting of elements in a request.")
    max_xml_nodes: int = _setting(parse.whole(1000), 1_000_000, "Tags and attributes in a request, together.")
    max_header_bytes: int = _setting(parse.whole(1024), 64 * 1024, "Largest header of a request, in bytes.")
    max_connections: int = _setting(parse.whole(1), 512, "Client connections served at the same time.")
    max_enumerations: int = _setting(parse.whole(1), 512, "Pulled enumerations open at the same time.")
    max_enumerations_per_user: int = _setting(parse.whole(1), 128, "Of those, enumerations of one caller.")
    enumeration_timeout: int = _setting(
        parse.whole(1), 60, "Seconds that an enumeration waits for the next pull, where the client names none."
    )
    max_enumeration_timeout: int = _setting(parse.whole(1), 3600, "Longest OperationTimeout, in seconds.")
    endless_enumerations: bool = _setting(
        parse.boolean, False, "Allow OperationTimeout 0: enumerations that wait for ever."
    )
    max_enumeration_batch: int = _setting(
        parse.whole(1), 10_000, "Objects in one reply of a pulled enumeration, whatever MaxObjectCount says."
    )
    max_empty_pulls: int = _setting(
        parse.whole(0), 1000, "Pulls of no object in a row, by which an enumeration is kept open."
    )
    max_in_flight: int = _setting(parse.whole(1), 256, "Requests served at the same time; above, 503.")
    max_in_flight_per_user: int = _setting(
        parse.whole(1), 64, "Of those, requests of one caller: a user, or an address where nobody is asked; above, 503."
    )
    workers: int = _setting(
        parse.whole(1), 16, "Method calls run at the same time; one caller has half of them at most."
    )
    max_namespaces: int = _setting(parse.whole(0), 256, "Namespaces that clients may create.")
    max_namespace_classes: int = _setting(
        parse.whole(0), 10_000, "Classes of such a namespace, and as many qualifier types."
    )
    max_namespace_instances: int = _setting(parse.whole(0), 100_000, "Instances of such a namespace.")
    header_timeout: float = _setting(
        parse.seconds(0.1), 30.0, "Seconds that the TLS handshake, and then the header of a request, may take."
    )
    body_timeout: float = _setting(parse.seconds(0.1), 60.0, "Seconds that the body of a request may take.")
    write_timeout: float = _setting(parse.seconds(0.1), 60.0, "Seconds that a client may take no more of a reply.")
    keep_alive: int = _setting(parse.whole(1), 60, "Seconds that a connection may lie idle.")
    stop_timeout: int = _setting(parse.whole(1), 5, "Seconds that requests have to end when the server stops.")
    store: str = _setting(
        parse.database,
        "",
        "URL of the database of durable state, postgresql://USER@HOST/NAME; without one, SQLite in state_dir.",
    )
    indication_retry_attempts: int = _setting(
        parse.whole(0), 3, "How often the delivery of an indication is tried again; then it is given up."
    )
    indication_retry_interval: float = _setting(
        parse.seconds(0.1), 30.0, "Seconds before the first such attempt; doubled before each further one, to 8 times."
    )
    indication_timeout: float = _setting(parse.seconds(0.1), 10.0, "Seconds a listener may take for an indication.")
    listener_ca: Path | None = _setting(
        parse.file, None, "PEM file of the CAs to verify https listeners by; without one, the system's."
    )
    job_retention: float = _setting(parse.seconds(0), 3600.0, "Seconds a finished job stays visible.")
    shutdown_timeout: float = _setting(
        parse.seconds(1), 120.0, "Seconds a guest may take to obey a shutdown before the request fails."
    )
    detach_timeout: float = _setting(
        parse.seconds(1), 30.0, "Seconds a guest may take to release a device before its removal fails."
    )
    migration_transport: str = _setting(
        parse.choice("ssh", "tls", "tls-strict", "tcp"),
        "ssh",
        "How hosts are reached that systems are moved to, where the client names no way.",
    )
    migration_ssh_user: str = _setting(parse.word, "", "User to log in as at such a host; empty for the server's own.")
    migration_ssh_key: Path | None = _setting(parse.file, None, "File of the SSH private key for that, not encrypted.")
    migration_pki_directory: Path | None = _setting(
        parse.file,
        None,
        "Directory of the certificate and key for TLS (libvirt's pkipath); without one, libvirt's own.",
    )
    migration_auth_file: Path | None = _setting(
        parse.file, None, "libvirt's file of users and passwords by host, for destinations that ask for them by SASL."
    )
    migration_socket_directory: Path | None = _setting(
        parse.file, None, "Directory that two hosts on one machine share, for moves by local sockets (IPC)."
    )
    log_level: str = _setting(parse.choice("debug", "info", "warning", "error"), "info", "Least severe message to log.")
    log_format: str = _setting(parse.choice("text", "json"), "text", "How messages are logged: as text, or as JSON.")


def complaints(settings: Settings) -> Complaints:
    """What no setting can be judged for alone."""
    for check in (_tls, _callers, _reach, _naming):
        yield from check(settings)


def _tls(settings: Settings) -> Complaints:
    """https needs a certificate and its key."""
    for url in map(parse.listen, settings.listen):
        if url.scheme == "https" and not (url.certificate or (settings.tls_certificate and settings.tls_key)):
            yield "listen", f"{url.url} needs tls_certificate and tls_key"
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        yield "tls_certificate" if settings.tls_certificate else "tls_key", "is of no use without the other"


def _callers(settings: Settings) -> Complaints:
    ways = settings.authentication
    if "none" in ways and len(ways) > 1:
        yield "authentication", "none cannot be combined with others"
    if "file" in ways and settings.password_file is None:
        yield "authentication", "file needs password_file"
    if "certificate" in ways and settings.client_ca is None:
        yield "authentication", "certificate needs client_ca"
    if settings.client_crl is not None and settings.client_ca is None:
        yield "client_crl", "is of no use without client_ca"
    if "certificate" in ways and not any(url.startswith("https:") for url in settings.listen):
        yield "authentication", "certificate needs an https URL in listen"


def _reach(settings: Settings) -> Complaints:
    """Whoever reaches the server may manage the machine: beyond loopback, only the known do, and nobody listens in."""
    if settings.insecure_listen:
        return
    for url in settings.listen:
        lacks = [] if url.startswith("https:") else ["TLS"]
        lacks += ["authentication"] if "none" in settings.authentication else []
        if lacks and not parse.is_loopback(url):
            words = " and no ".join(lacks)
            yield "listen", f"{url} is beyond loopback, and there is no {words}: set insecure_listen: true to allow it"


def _naming(settings: Settings) -> Complaints:
    if settings.naming == "name" and (platform := parse.repeated_platform(settings.connect)):
        yield "connect", f"names of several {platform} hosts are not unique: set naming: uuid"
    if settings.naming == "uuid" and settings.legacy_resource_types:
        yield "legacy_resource_types", "needs naming: name"
