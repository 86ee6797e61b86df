"""Durable state (SQLAlchemy): SQLite in the state directory, or a PostgreSQL that its URL names; migrated at the start.

What a function has written is on the disk when it returns.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from virtcim.broker.call import CIMError, Path, Properties, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store_json import BadDocument, dumps, loads, path_of, path_text
from virtcim.broker.store_tables import DELIVERIES, INSTANCES, JOBS
from virtcim.later import Later

if TYPE_CHECKING:
    from alembic import command as alembic_command
    from alembic import config as alembic_config
else:
    alembic_command, alembic_config = Later("alembic.command"), Later("alembic.config")

MIGRATIONS = File(__file__).resolve().parent / "migrations"
SQLITE_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")
_MIGRATION_LOCK = 7_294_001  # of PostgreSQL: two servers that start at once migrate one after the other


class StoreError(Exception):
    """The durable state cannot be opened or read; the message names it, without a password."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An indication on its way: the request body, ready to be sent to a URL. `made` in seconds since 1970."""

    destination: str
    subscription: str
    url: str
    made: float
    body: bytes
    attempts: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class KeptJob:
    """What is kept of a job; `changed` in seconds since 1970."""

    id: str
    state: int
    changed: float
    document: Properties


def digest(path: Path) -> str:
    """What a path is found by in the store."""
    return hashlib.sha256(path_text(path).encode()).hexdigest()


def sqlite_url(directory: File) -> str:
    """The URL of the database in a state directory."""
    return f"sqlite:///{directory / 'virtcim.db'}"


class Store:
    """A database of the durable state. Errors: StoreError at construction, CIMError FAILED afterwards."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
            self.name = self._engine.url.render_as_string(hide_password=True)
            self._write_lock = threading.Lock()
            migrate(self._engine)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise StoreError(f"store: {error}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.name}: {_words(error)}") from error

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction; in SQLite one at a time, for a second writer would only wait for the file."""
        try:
            with self._write_lock, self._engine.begin() as connection:
                yield connection
        except IntegrityError as error:
            raise CIMError(Status.ALREADY_EXISTS, "such an instance exists") from error
        except SQLAlchemyError as error:
            raise CIMError(Status.FAILED, f"the store {self.name} took no change: {_words(error)}") from error

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise CIMError(Status.FAILED, f"the store {self.name} cannot be read: {_words(error)}") from error

    # Instances

    def instances(self) -> list[Stored]:
        """Every stored instance, in the order they were created. Errors: StoreError for one that is not readable."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(INSTANCES.c.path, INSTANCES.c.properties).order_by(INSTANCES.c.id))
            try:
                return [Stored(path_of(row.path), loads(row.properties)) for row in rows]
            except BadDocument as error:
                raise StoreError(f"store {self.name}: {error}") from error

    def change(self, removed: Iterable[Stored] = (), added: Iterable[Stored] = ()) -> None:
        """Remove and add instances, all or none. One both removed and added at the same path keeps its place."""
        gone = {digest(one.path) for one in removed}
        with self._writing() as connection:
            for one in added:
                key = digest(one.path)
                values = {"properties": dumps(one.properties)}
                if key in gone:
                    gone.remove(key)
                    connection.execute(sa.update(INSTANCES).where(INSTANCES.c.digest == key).values(values))
                else:
                    connection.execute(sa.insert(INSTANCES).values(_identity(one.path) | values))
            for key in gone:
                connection.execute(sa.delete(INSTANCES).where(INSTANCES.c.digest == key))
                connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.subscription == key))

    # Deliveries

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Append to the queues of their destinations, all or none, in the order given."""
        if deliveries:
            with self._writing() as connection:
                connection.execute(sa.insert(DELIVERIES), [_row(one) for one in deliveries])

    def queued(self, destination: str, limit: int) -> list[Delivery]:
        """The first of a destination's queue."""
        wanted = sa.select(DELIVERIES).where(DELIVERIES.c.destination == destination)
        with self._reading() as connection:
            rows = connection.execute(wanted.order_by(DELIVERIES.c.id).limit(limit))
            return [Delivery(**row._mapping) for row in rows]

    def waiting(self) -> list[str]:
        """The destinations that have a queue."""
        with self._reading() as connection:
            return list(connection.scalars(sa.select(DELIVERIES.c.destination).distinct()))

    def dequeue(self, ids: Sequence[int]) -> None:
        """Take deliveries out of their queues: they arrived, or were given up."""
        if ids:
            with self._writing() as connection:
                connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.id.in_(ids)))

    def failed(self, delivery: Delivery) -> None:
        """Count an attempt that failed."""
        with self._writing() as connection:
            counted = sa.update(DELIVERIES).where(DELIVERIES.c.id == delivery.id)
            connection.execute(counted.values(attempts=delivery.attempts + 1))

    # Jobs

    def jobs(self) -> list[KeptJob]:
        """Every job that clients know of. Errors: StoreError for one that is not readable."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(JOBS).order_by(JOBS.c.changed))
            try:
                return [KeptJob(row.id, row.state, row.changed, loads(row.document)) for row in rows]
            except BadDocument as error:
                raise StoreError(f"store {self.name}: {error}") from error

    def keep_job(self, job: KeptJob) -> None:
        """Put a job in the place of what was kept of it."""
        values = {"state": job.state, "changed": job.changed, "document": dumps(job.document)}
        with self._writing() as connection:
            found = connection.execute(sa.update(JOBS).where(JOBS.c.id == job.id).values(values))
            if not found.rowcount:
                connection.execute(sa.insert(JOBS).values(id=job.id, **values))

    def drop_job(self, job_id: str) -> None:
        with self._writing() as connection:
            connection.execute(sa.delete(JOBS).where(JOBS.c.id == job_id))


def migrate(engine: sa.Engine) -> None:
    """Bring the tables to what this version wants; they stay as they are when they already are."""
    with engine.begin() as connection:
        if _revision(connection) == newest():
            return
        config = alembic_config.Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        alembic_command.upgrade(config, "head")


def newest() -> str:
    """The revision of this version: its migrations are in files named v<revision>_<what they do>.py."""
    return max(file.name for file in MIGRATIONS.glob("versions/v*.py")).removeprefix("v").partition("_")[0]


def _revision(connection: sa.Connection) -> str | None:
    """The revision of the tables; None where there are none yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version")))


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed, **_pool(parsed))
    if engine.dialect.name == "sqlite":
        if parsed.database:
            File(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _pool(url: sa.URL) -> dict[str, Any]:
    """A database in memory is that of its one connection."""
    if url.get_backend_name() != "sqlite":
        return {"pool_pre_ping": True}
    if url.database:
        return {}
    return {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in SQLITE_SETTINGS:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _identity(path: Path) -> dict[str, object]:
    text = path_text(path)
    return {"digest": digest(path), "namespace": path.namespace or "", "classname": path.classname, "path": text}


def _row(one: Delivery) -> dict[str, object]:
    return {
        "destination": one.destination,
        "subscription": one.subscription,
        "url": one.url,
        "made": one.made,
        "attempts": one.attempts,
        "body": one.body,
    }


def _words(error: SQLAlchemyError) -> str:
    """What went wrong, in one line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
