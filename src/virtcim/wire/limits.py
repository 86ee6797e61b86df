"""How much of the server one client may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of requests and connections; sizes in bytes, times in seconds."""

    max_request_bytes: int = 8 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_depth: int = 64  # elements within elements
    max_nodes: int = 1_000_000  # tags and attributes
    max_connections: int = 1000
    header_timeout: float = 30.0  # from the first byte of a request, or from connecting, to the end of its header
    body_timeout: float = 60.0  # for the whole body
    write_timeout: float = 60.0  # until a client takes more of a reply
    keep_alive: int = 60  # an idle connection
    stop_timeout: int = 5  # for requests under way when the server stops
    workers: int = 16  # calls that wait for libvirt at the same time
    max_in_flight: int = 256  # requests
    max_in_flight_per_user: int = 64  # requests; of one address, where nobody is asked for a name


DEFAULT_LIMITS = Limits()
