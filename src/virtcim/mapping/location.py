"""Where the image of a disk is: a path, or a URI for volumes and network images."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from virtcim.mapping.table import BadProperty
from virtcim.model.devices import Disk, SourceHost
from virtcim.model.storage import volume_key

NETWORK = ("rbd", "nbd", "iscsi", "gluster", "http", "https", "ftp", "ftps", "tftp", "ssh", "sheepdog", "nfs")
VOLUME = re.compile(r"volume:([^/]+)/(.+)")
REMOTE = re.compile(rf"({'|'.join(NETWORK)})://([^/]*)/(.*)")
EMPTY = (None, "", "/dev/null")


def location_of(disk: Disk) -> str | None:
    """A path, `volume:<pool>/<volume>` or `<protocol>://<host>:<port>,.../<name>`; None for an empty drive."""
    source = disk.source
    if source is None:
        return None
    if source.volume is not None:
        return volume_key(source.pool or "", source.volume)
    if source.protocol is not None:
        hosts = ",".join(":".join(filter(None, (host.name or host.socket, host.port))) for host in source.hosts)
        return f"{source.protocol}://{hosts}/{quote(source.remote_name or '')}"
    return source.file or source.block or source.directory


def as_uri(location: str) -> str:
    """A location as HostResource wants it: a URI (RFC 3986)."""
    return f"file://{quote(location)}" if location.startswith("/") else location


def as_location(text: str) -> str:
    """A location from what clients write: a path or a URI."""
    return unquote(text.removeprefix("file://")) if text.startswith("file:///") else text


def set_location(disk: Disk, location: str | None, name: str = "HostResource") -> None:
    """Point a disk at another image, or at none. Raises BadProperty for `name`."""
    text = location or ""
    is_path = text.startswith("/")
    volume, remote = (None, None) if is_path else (VOLUME.fullmatch(text), REMOTE.fullmatch(text))
    if not (location in EMPTY or is_path or volume or remote):
        raise BadProperty(
            name, f"{location!r} is not an absolute path, a file: URI, volume:<pool>/<name> or a network image"
        )
    for stale in disk.backing_stores:
        stale.remove()
    if location in EMPTY:
        _retype(disk, "file")
    elif volume:
        _retype(disk, "volume")
        disk.pool, disk.volume = unquote(volume[1]), unquote(volume[2])
    elif remote:
        _set_remote(disk, *remote.groups())
    elif text.startswith("/dev/"):
        _retype(disk, "block")
        disk.block = location
    elif text.endswith("/"):
        _retype(disk, "dir")
        disk.directory = location
    else:
        _retype(disk, "file")
        disk.file = location


def _retype(disk: Disk, word: str) -> None:
    """Forget the old image. What else <source> holds suits its type, and is kept for an image of the same type."""
    if disk.type != word:
        for source in disk.sources:
            source.remove()
        disk.type = word
    if disk.source is not None:
        for host in disk.hosts:
            host.remove()
        disk.file = disk.block = disk.directory = disk.pool = disk.volume = disk.protocol = disk.remote_name = None


def _set_remote(disk: Disk, protocol: str, hosts: str, image: str) -> None:
    _retype(disk, "network")
    disk.protocol, disk.remote_name = protocol, unquote(image)
    for text in filter(None, hosts.split(",")):
        host = SourceHost.new()
        host.name, _, host.port = text.rpartition(":") if ":" in text else (text, "", "")
        disk.add(host, inside="source")
