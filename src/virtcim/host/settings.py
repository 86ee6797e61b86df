"""What the host layer can be told to do differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Naming = Literal["name", "uuid"]


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """How other hosts are reached: `transport` is ssh, tls, tls-strict or tcp; paths are those of files on the host."""

    transport: str = "ssh"
    ssh_user: str = ""
    ssh_key: str = ""
    pki_directory: str = ""
    auth_file: str = ""
    socket_directory: str = ""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Times in seconds; a keepalive_interval of 0 switches keep-alive off, a storage_refresh_interval of 0 such looks.

    What is known of a host whose libvirt hangs is told for `stale_limit` seconds; 0: as long as the link is up.
    """

    reconcile_interval: float = 30.0
    reread_interval: float = 300.0
    storage_refresh_interval: float = 60.0
    keepalive_interval: int = 5
    keepalive_count: int = 3
    naming: Naming = "name"
    legacy_resource_types: bool = False
    shutdown_timeout: float = 120.0
    detach_timeout: float = 30.0
    open_timeout: float = 20.0
    stale_limit: float = 0.0
    migration: MigrationSettings = MigrationSettings()
