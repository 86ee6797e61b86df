"""What the first read of pools takes long for, made in the background whenever a host has been read."""

from __future__ import annotations

import logging
import queue
import threading

from virtcim.host.errors import HostError
from virtcim.host.inventory import Host, Hosts
from virtcim.profiles.pools import pools_of, taken
from virtcim.profiles.pools_capabilities import offer_of

log = logging.getLogger(__name__)

PAUSE = 0.001  # seconds after each system, for who wants an answer meanwhile


class Ahead:
    """Asks libvirt what emulators offer, and works out what each active system takes of the pools."""

    def __init__(self, hosts: Hosts) -> None:
        self._wanted: queue.SimpleQueue[Host | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        hosts.on_ready(self.want)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.put(None)
        self._thread.join()

    def want(self, host: Host) -> None:
        """Prepare a host; returns at once."""
        self._wanted.put(host)

    def _run(self) -> None:
        while (host := self._wanted.get()) is not None:
            try:
                self._prepare(host)
            except HostError as error:  # whoever asks is told; the next connection brings the host here again
                log.debug("%r: %s", host, error.message)
            except Exception:  # the next host is prepared all the same
                log.exception("preparing answers of %r", host)

    def _prepare(self, host: Host) -> None:
        offer_of(host)
        for vm in host.vms:
            if vm.active:
                taken(vm)
                if self._stopping.wait(PAUSE):
                    return
        pools_of(host)
