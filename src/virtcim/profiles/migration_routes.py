"""Where a client wants a system to be moved, and the way there (DSP1081)."""

from __future__ import annotations

from virtcim.broker.call import ClassPath, Path
from virtcim.broker.provider import Reference, Refused
from virtcim.host import routes
from virtcim.host.inventory import Host, Hosts
from virtcim.host.routes import Route
from virtcim.mapping import migration
from virtcim.mapping.migration import ANY_TRANSPORT, IPC, SSH, TLS, TLS_STRICT, TRANSPORTS, Manner
from virtcim.mapping.table import BadProperty
from virtcim.messages import message

SCHEMES = {SSH: "ssh", TLS: "tls", TLS_STRICT: "tls", migration.TCP: "tcp"}
SYSTEM = "DestinationSystem"


def to_host(world: Hosts, source: Host, given: str | None, manner: Manner) -> Route:
    """The way to a DestinationHost. Errors: Refused."""
    try:
        name = migration.destination_host(given)
    except BadProperty as bad:
        raise Refused("Invalid Parameter", str(bad)) from bad
    if routes.is_itself(source, name):
        raise Refused(
            "Incompatible Parameters", message("MIGRATION_SAME_HOST", f"DestinationHost {given}", "the system")
        )
    managed = next((host for host in world.hosts if host.name.lower() == name.lower()), None)
    return route_to(source, name, managed if managed is not None and managed.readable else None, manner)


def to_system(world: Hosts, source: Host, given: Reference | None, manner: Manner) -> Route:
    """The way to a DestinationSystem: a host that the server manages, else the host that the path names."""
    if given is None:
        raise Refused("Invalid Parameter", f"{SYSTEM} is missing")
    if isinstance(given.target, Host):
        if given.target is source:
            raise Refused("Incompatible Parameters", message("MIGRATION_SAME_HOST", SYSTEM, "the system"))
        return route_to(source, given.target.name, given.target, manner)
    if given.target is not None:
        raise Refused("Invalid Parameter", f"{SYSTEM} is no host: {given.path}")
    return to_host(world, source, _host_named(given.path), manner)


def _host_named(path: Path | ClassPath) -> str:
    """The host that a path of another server names, as clients of libvirt-cim do."""
    name = path.key("Name") if isinstance(path, Path) else None
    if not path.classname.endswith("_HostSystem") or not name:
        raise Refused("Invalid Parameter", f"{SYSTEM} names no host: {path}")
    return str(name)


def route_to(source: Host, name: str, managed: Host | None, manner: Manner) -> Route:
    """Over the link to a host that is managed, unless another transport is asked for than the usual one."""
    usual = TRANSPORTS[source.settings.migration.transport]
    transport = manner.transport or usual
    tls = transport in (TLS, TLS_STRICT)
    if transport == IPC:
        return _by_socket(source, name, managed)
    if managed is not None and manner.transport in (ANY_TRANSPORT, usual):
        return Route(name, managed, tls=tls)
    uri = routes.uri_to(source, name, SCHEMES[transport], verify=transport != TLS)
    timeout = source.settings.open_timeout
    return Route(name, managed, uri, tls=tls, tunnelled=transport == SSH, timeout=timeout)


def _by_socket(source: Host, name: str, managed: Host | None) -> Route:
    directory = source.settings.migration.socket_directory
    if managed is None or not (source.link.local and managed.link.local):
        raise Refused("Not Supported", f"TransportType: {name} is reached by no socket of this machine")
    if not directory:
        raise Refused("Not Supported", "TransportType: no migration_socket_directory is set for local sockets")
    return Route(name, managed, socket=directory)
