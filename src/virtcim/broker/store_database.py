"""The database behind the durable state (SQLAlchemy): SQLite, or a PostgreSQL by its URL; migrated at the start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from virtcim.broker.call import CIMError, Status
from virtcim.later import Later

if TYPE_CHECKING:
    from alembic import command as alembic_command
    from alembic import config as alembic_config
else:
    alembic_command, alembic_config = Later("alembic.command"), Later("alembic.config")

MIGRATIONS = File(__file__).resolve().parent / "migrations"
SQLITE_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")
# A server that does not answer any more must not hold up the others: times in which PostgreSQL notices.
POSTGRES_OPTIONS = (
    "-c lock_timeout=10s -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=6s"
)
CONNECT_SECONDS = 5
# Said at the start of a transaction that is durable (True) or not
_DURABILITY = {
    "sqlite": {True: "PRAGMA synchronous=FULL", False: "PRAGMA synchronous=NORMAL"},
    "postgresql": {True: "", False: "SET LOCAL synchronous_commit = off"},
}
SERVERS = 7_294_003  # first number of the advisory lock that each server holds while it is alive
_MIGRATION_LOCK = 7_294_001  # of PostgreSQL: two servers that start at once migrate one after the other


class StoreError(Exception):
    """The durable state cannot be opened or read; the message names it, without a password."""


class Database:
    """Errors: StoreError at construction, CIMError FAILED or ALREADY_EXISTS of its transactions."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
            self.name = self.engine.url.render_as_string(hide_password=True)
            self.shared = self.engine.dialect.name == "postgresql"  # other servers may be at work on it
            self._durability = _DURABILITY[self.engine.dialect.name]
            self._write_lock = threading.Lock()
            migrate(self.engine)
        except (ArgumentError, NoSuchModuleError, ImportError, KeyError, ValueError) as error:
            raise StoreError(f"store: {error}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.name}: {words(error)}") from error

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def writing(self, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction; in this process one at a time, for in SQLite a second writer would only wait for the file.

        One that is not durable may be undone by a power cut until the next durable one, but by nothing else.
        """
        try:
            with self._write_lock, self.engine.begin() as connection:
                if statement := self._durability[durable]:
                    connection.exec_driver_sql(statement)
                yield connection
        except IntegrityError as error:
            raise CIMError(Status.ALREADY_EXISTS, "such an instance exists") from error
        except SQLAlchemyError as error:
            raise CIMError(Status.FAILED, f"the store {self.name} took no change: {words(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise CIMError(Status.FAILED, f"the store {self.name} cannot be read: {words(error)}") from error

    def servers(self) -> list[str]:
        """The servers that are at work on the database, where several may be. Errors: CIMError FAILED."""
        if not self.shared:
            return []
        text = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks"
        text += f" WHERE locktype = 'advisory' AND classid = {SERVERS} AND granted)"
        with self.reading() as connection:
            return list(connection.scalars(sa.text(text)))

    @contextmanager
    def alone(self, number: int) -> Iterator[None]:
        """While the block runs no other server is in a block of this number."""
        if not self.shared:
            yield
            return
        with self.reading() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
            yield


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
    if url.get_backend_name() == "postgresql":
        given = {"connect_timeout": CONNECT_SECONDS, "options": POSTGRES_OPTIONS}
        return {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 24, "connect_args": given}
    if url.get_backend_name() != "sqlite" or url.database:
        return {}
    return {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in SQLITE_SETTINGS:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def words(error: SQLAlchemyError) -> str:
    """What went wrong, in one line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
