"""Durable state: the instances that clients created, the queues of indications, leases, and jobs.

What a function has written is on the disk when it returns.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING

from virtcim.broker.call import Path, Properties
from virtcim.broker.provider import Stored
from virtcim.broker.store_database import Database, StoreError
from virtcim.broker.store_json import BadDocument, dumps, loads, path_of, path_text
from virtcim.broker.store_queue import Queue
from virtcim.later import Later

if TYPE_CHECKING:
    import sqlalchemy as sa

    from virtcim.broker import store_tables as t
else:
    sa, t = Later("sqlalchemy"), Later("virtcim.broker.store_tables")

CHANGES_KEPT = 10_000  # who has missed more reads everything again


@dataclass(frozen=True, slots=True)
class KeptJob:
    """What is kept of a job; `changed` in seconds since 1970, `place` the lease of its host, "" for no host."""

    id: str
    state: int
    changed: float
    document: Properties
    place: str = ""


class Store:
    """A database of the durable state. Errors: StoreError at construction, CIMError FAILED afterwards.

    `server` tells this process from others that share the database.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.name = self.database.name
        self.shared = self.database.shared
        self.server = uuid.uuid4().hex
        self.queue = Queue(self.database, self.server)

    def close(self) -> None:
        self.database.close()

    # Instances

    def instances(self, digests: Sequence[str] | None = None) -> list[Stored]:
        """Stored instances in the order they were created, of all paths or of those with the digests given.

        Errors: StoreError for one that is not readable.
        """
        if self.database.blank:
            return []
        wanted = sa.select(t.INSTANCES.c.path, t.INSTANCES.c.properties).order_by(t.INSTANCES.c.id)
        if digests is not None:
            wanted = wanted.where(t.INSTANCES.c.digest.in_(digests))
        with self.database.reading() as connection:
            try:
                return [Stored(path_of(row.path), loads(row.properties)) for row in connection.execute(wanted)]
            except BadDocument as error:
                raise StoreError(f"store {self.name}: {error}") from error

    def change(self, removed: Iterable[Stored] = (), added: Iterable[Stored] = ()) -> int:
        """Remove and add instances, all or none; answers the number of the change, 0 where nobody else looks.

        One both removed and added at the same path keeps its place.
        """
        gone = {digest(one.path) for one in removed}
        new = {digest(one.path): one for one in added}
        with self.database.writing() as connection:
            for key, one in new.items():
                values = {"properties": dumps(one.properties)}
                if key in gone:
                    connection.execute(sa.update(t.INSTANCES).where(t.INSTANCES.c.digest == key).values(values))
                else:
                    connection.execute(sa.insert(t.INSTANCES).values(_identity(one.path) | values))
            for key in gone - new.keys():
                connection.execute(sa.delete(t.INSTANCES).where(t.INSTANCES.c.digest == key))
                connection.execute(sa.delete(t.DELIVERIES).where(t.DELIVERIES.c.subscription == key))
                connection.execute(sa.delete(t.SEQUENCES).where(t.SEQUENCES.c.destination == key))
            return _log(connection, [*new, *(gone - new.keys())]) if self.shared else 0

    def changed_since(self, number: int) -> tuple[int, list[str] | None]:
        """The number of the last change, and what has changed since the one given; None for more than is known."""
        if self.database.blank:
            return number, []
        with self.database.reading() as connection:
            first, last = connection.execute(sa.select(sa.func.min(t.CHANGES.c.id), sa.func.max(t.CHANGES.c.id))).one()
            if last is None or last <= number:
                return number, []
            if first > number + 1:
                return last, None
            rows = connection.scalars(
                sa.select(t.CHANGES.c.digest).where(t.CHANGES.c.id > number, t.CHANGES.c.id <= last)
            )
            return last, list(dict.fromkeys(rows))

    # Jobs

    def absent(self) -> list[str]:
        """The servers that jobs are of, but this one and those that are at work."""
        if self.database.blank:
            return []
        present = [*self.database.servers(), self.server]
        with self.database.reading() as connection:
            return list(
                connection.scalars(sa.select(t.JOBS.c.server).distinct().where(t.JOBS.c.server.not_in(present)))
            )

    def take_jobs(self, servers: Iterable[str], places: Collection[str] | None = None) -> list[KeptJob]:
        """The jobs of servers that are gone, from now on of this one: each is taken once.

        With `places` those of these hosts, and of none. Errors: StoreError, not readable; nothing is taken.
        """
        of = list(servers)
        if not of:
            return []
        theirs = sa.select(t.JOBS).where(t.JOBS.c.server.in_(of)).order_by(t.JOBS.c.changed)
        if places is not None:
            theirs = theirs.where(t.JOBS.c.place.in_(["", *places]))
        with self.database.writing() as connection:
            rows = connection.execute(theirs.with_for_update(skip_locked=True)).all()
            ids = [row.id for row in rows]
            connection.execute(sa.update(t.JOBS).where(t.JOBS.c.id.in_(ids)).values(server=self.server))
            try:
                return [KeptJob(row.id, row.state, row.changed, loads(row.document), row.place) for row in rows]
            except BadDocument as error:
                raise StoreError(f"store {self.name}: {error}") from error

    def keep_job(self, job: KeptJob) -> bool:
        """Put a job where it was kept, whose place stays the same; False when another server has taken it."""
        values = {"state": job.state, "changed": job.changed, "document": dumps(job.document), "server": self.server}
        with self.database.writing() as connection:
            before = connection.scalar(sa.select(t.JOBS.c.server).where(t.JOBS.c.id == job.id).with_for_update())
            if before is None:
                connection.execute(sa.insert(t.JOBS).values(id=job.id, place=job.place, **values))
            elif before == self.server:
                connection.execute(sa.update(t.JOBS).where(t.JOBS.c.id == job.id).values(values))
            return before in (None, self.server)

    def drop_job(self, job_id: str) -> bool:
        """False when there is none, or another server has taken it."""
        if self.database.blank:
            return False
        with self.database.writing() as connection:
            mine = sa.delete(t.JOBS).where(t.JOBS.c.id == job_id, t.JOBS.c.server == self.server)
            return connection.execute(mine).rowcount > 0


def digest(path: Path) -> str:
    """What a path is found by in the store."""
    return hashlib.sha256(path_text(path).encode()).hexdigest()


def sqlite_url(directory: File) -> str:
    """The URL of the database in a state directory."""
    return f"sqlite:///{directory / 'virtcim.db'}"


def _identity(path: Path) -> dict[str, object]:
    text = path_text(path)
    return {"digest": digest(path), "namespace": path.namespace or "", "classname": path.classname, "path": text}


def _log(connection: sa.Connection, digests: Sequence[str]) -> int:
    """Note for the other servers what has changed."""
    number = 0
    for key in digests:
        number = connection.scalar(sa.insert(t.CHANGES).values(digest=key).returning(t.CHANGES.c.id)) or 0
    connection.execute(sa.delete(t.CHANGES).where(t.CHANGES.c.id <= number - CHANGES_KEPT))
    return number
