"""The life of the server's process: signals, settings read again, and what the service manager is told."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol

from virtcim import logs
from virtcim.config import ConfigError, Settings
from virtcim.notify import READY, STOPPING, Manager

log = logging.getLogger(__name__)

STOP_LIMIT = 15  # seconds from a signal to the end, beside stop_timeout; past them every thread says where it stood
_AT_ONCE = frozenset({"log_level", "log_format"})  # the other settings are taken at the start only


class Runs(Protocol):
    """What is run."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def reload(self) -> None: ...


class Process:
    """Runs a server until SIGINT or SIGTERM; SIGHUP reads the settings and files again."""

    def __init__(self, settings: Settings, load: Callable[[], Settings]) -> None:
        self._settings = settings
        self._load = load
        self.manager = Manager(os.environ)
        # The kernel may give a signal to any thread, and then it wakes nobody who waits for a lock: but a byte does.
        self._signals, noted = socket.socketpair()
        noted.setblocking(False)
        signal.set_wakeup_fd(noted.detach())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        logs.set_up(settings.log_level, settings.log_format)

    def run(self, server: Runs, ready: Callable[[], None]) -> None:
        """Start, serve and stop; `ready` is called once it serves. Errors: those of start()."""
        server.start()
        ready()
        self.manager.tell(READY, f"MAINPID={os.getpid()}")
        gc.freeze()  # what there is by now stays: the collector need not walk through it ever again
        while self._signals.recv(1)[0] == signal.SIGHUP:
            self._reload(server)
        self.manager.tell(STOPPING)
        # Whatever a thread still waits for: what counts is on disk, so the process may end at any moment.
        faulthandler.dump_traceback_later(STOP_LIMIT + self._settings.stop_timeout, exit=True)
        server.stop()

    def _reload(self, server: Runs) -> None:
        self.manager.reloading()
        try:
            self._take(self._load())
        except ConfigError as error:
            log.error("the settings cannot be used, the old ones stay in force: %s", error)
        server.reload()
        self.manager.tell(READY)

    def _take(self, new: Settings) -> None:
        old, self._settings = self._settings, new
        logs.set_up(new.log_level, new.log_format)
        changed = [spec.name for spec in fields(Settings) if getattr(old, spec.name) != getattr(new, spec.name)]
        if late := [name for name in changed if name not in _AT_ONCE]:
            log.warning("changed settings that take a restart: %s", ", ".join(late))
        log.info("settings read again")
