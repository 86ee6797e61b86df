"""Leases: what only one server of a database does at a time, and who that is.

In PostgreSQL a lease is an advisory lock of a connection, so that it is free as soon as its holder dies. A row with a
number that grows with each holder keeps one from going on that does not know yet that it has lost it. In SQLite, which
one server has to itself, there is nothing to wait for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING
from zlib import crc32

from virtcim.broker.call import CIMError
from virtcim.broker.store import Store
from virtcim.broker.store_database import SERVERS, words
from virtcim.broker.store_queue import put
from virtcim.later import Later

if TYPE_CHECKING:
    import sqlalchemy as sa

    from virtcim.broker import store_tables as t
else:
    sa, t = Later("sqlalchemy"), Later("virtcim.broker.store_tables")

log = logging.getLogger(__name__)

PERIOD = 0.5  # seconds between two looks
_LEASES = 7_294_002  # first number of advisory locks


class Leases:
    """Takes what `wanted` names as soon as it is free, and gives back what it does not name any more.

    `gained` and `lost` are told of each; `each_time` is called at every look. All in the thread of this class, or in
    that of `look`.
    """

    def __init__(
        self,
        store: Store,
        wanted: Callable[[], Iterable[str]],
        gained: Callable[[str], None],
        lost: Callable[[str], None],
        each_time: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._gained = gained
        self._lost = lost
        self._each_time = each_time
        self._held: dict[str, int] = {}
        self._lock = threading.RLock()
        self._connection: sa.Connection | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="leases", daemon=True)
        self._failing = ""

    def start(self) -> None:
        """What is free is taken when this returns."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Give everything back."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        with self._lock:
            self._held.clear()
            self._disconnect()

    def held(self, name: str) -> int | None:
        """The epoch of a lease that is held, as far as this server knows; None for not held."""
        return self._held.get(name)

    def look(self) -> None:
        """Take and give back."""
        with self._lock:
            try:
                self._exchange()
                self._each_time()
                self._failing = ""
            except (sa.exc.SQLAlchemyError, CIMError) as error:
                text = error.message if isinstance(error, CIMError) else words(error)
                if text != self._failing:
                    log.warning("leases are not to be had: %s", text)
                self._failing = text
                self._lose_all()

    def _work(self) -> None:
        while not self._closing.wait(PERIOD):
            self.look()

    def _exchange(self) -> None:
        wanted = set(self._wanted())
        if self._store.shared:
            self._connect()
        for name in self._held.keys() - wanted:
            self._give_back(name)
        for name in wanted - self._held.keys():
            self._take(name)

    def _connect(self) -> None:
        """A connection of its own: the locks end with it."""
        if self._connection is None:
            opened = self._store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection = opened
            opened.execute(sa.text("SELECT set_config('application_name', :name, false)"), {"name": self._store.server})
            opened.execute(sa.select(sa.func.pg_advisory_lock_shared(SERVERS, 0)))
        self._connection.execute(sa.text("SELECT 1"))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                connection.invalidate()
            with suppress(sa.exc.SQLAlchemyError):
                connection.close()

    def _take(self, name: str) -> None:
        if self._connection is not None:
            taken = self._connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LEASES, _number(name))))
            if not taken:
                return
        self._held[name] = self._count(name)
        self._gained(name)

    def _give_back(self, name: str) -> None:
        del self._held[name]
        self._lost(name)
        if self._connection is not None:
            self._connection.execute(sa.select(sa.func.pg_advisory_unlock(_LEASES, _number(name))))

    def _lose_all(self) -> None:
        """Without the connection there are no locks, whatever this server still thinks."""
        if not self._store.shared:
            return
        self._disconnect()
        names = list(self._held)
        self._held.clear()
        for name in names:
            self._lost(name)

    def _count(self, name: str) -> int:
        if self._store.database.at_first(lambda connection: self._write(connection, name, 1)):
            return 1
        with self._store.database.writing() as connection:
            before = (
                connection.scalar(sa.select(t.LEASES.c.epoch).where(t.LEASES.c.name == name).with_for_update()) or 0
            )
            self._write(connection, name, before + 1)
        return before + 1

    def _write(self, connection: sa.Connection, name: str, epoch: int) -> None:
        put(connection, t.LEASES, [{"name": name, "epoch": epoch, "holder": self._store.server}])


def _number(name: str) -> int:
    """32 bits with a sign."""
    number = crc32(name.encode())
    return number - 2**32 if number >= 2**31 else number
