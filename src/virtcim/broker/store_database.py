"""The database behind the durable state (SQLAlchemy): SQLite, or a PostgreSQL by its URL; migrated at the start."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from virtcim.broker.call import CIMError, Status
from virtcim.later import Later

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic import command as alembic_command
    from alembic import config as alembic_config
else:
    sa = Later("sqlalchemy")
    alembic_command, alembic_config = Later("alembic.command"), Later("alembic.config")

MIGRATIONS = File(__file__).resolve().parent / "migrations"
SQLITE_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")
# A server that does not answer any more must not hold up the others: times in which PostgreSQL notices.
POSTGRES_OPTIONS = (
    "-c lock_timeout=10s -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=6s"
)
CONNECT_SECONDS = 5
MEMORY = "sqlite://"
_PLAIN_FILE = re.compile(r"sqlite:///([^?#%]+)")
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
    """Errors: StoreError at construction, CIMError FAILED or ALREADY_EXISTS of its transactions.

    A file that does not exist yet is made when something is written: most servers never have anything to keep.
    """

    def __init__(self, url: str) -> None:
        self.name = self._url = url
        self.shared = False  # whether other servers may be at work on it
        self._opened: sa.Engine | None = None
        self._opening = threading.RLock()
        self._write_lock = threading.Lock()
        self._beginnings: list[Callable[[sa.Connection], None]] = []
        self._is_unmade = unmade(url)
        if not self.blank:
            self._open()

    @property
    def blank(self) -> bool:
        """Whether nothing has been written yet."""
        return self._opened is None and self._is_unmade()

    def at_first(self, write: Callable[[sa.Connection], None]) -> bool:
        """What is to be written to a blank database before anything else; False where it is not blank."""
        with self._opening:
            if not self.blank:
                return False
            self._beginnings.append(write)
            return True

    @property
    def engine(self) -> sa.Engine:
        """The database, opened. Errors: StoreError."""
        with self._opening:
            return self._opened or self._open()

    def _open(self) -> sa.Engine:
        try:
            engine = _engine(self._url)
            self.name = engine.url.render_as_string(hide_password=True)
            self.shared = engine.dialect.name == "postgresql"
            self._durability = _DURABILITY[engine.dialect.name]
            migrate(engine)
            with engine.begin() as connection:
                for write in self._beginnings:
                    write(connection)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError, KeyError, ValueError) as error:
            raise StoreError(f"store: {error}") from error
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"store {self.name}: {words(error)}") from error
        self._opened = engine
        return engine

    def close(self) -> None:
        if self._opened is not None:
            self._opened.dispose()

    @contextmanager
    def writing(self, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction; in this process one at a time, for in SQLite a second writer would only wait for the file.

        One that is not durable may be undone by a power cut until the next durable one, but by nothing else.
        """
        try:
            with self._write_lock, self._ready().begin() as connection:
                if statement := self._durability[durable]:
                    connection.exec_driver_sql(statement)
                yield connection
        except sa.exc.IntegrityError as error:
            raise CIMError(Status.ALREADY_EXISTS, "such an instance exists") from error
        except sa.exc.SQLAlchemyError as error:
            raise CIMError(Status.FAILED, f"the store {self.name} took no change: {words(error)}") from error

    def _ready(self) -> sa.Engine:
        """Errors: CIMError FAILED."""
        try:
            return self.engine
        except StoreError as error:
            raise CIMError(Status.FAILED, str(error)) from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        try:
            with self._ready().connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
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


def unmade(url: str) -> Callable[[], bool]:
    """What tells whether a database is still to be made, where that can be done without asking it."""
    if url == MEMORY:
        return lambda: True
    plain = _PLAIN_FILE.fullmatch(url)
    if plain is None:
        return lambda: False
    file = File(plain[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    return lambda: not file.exists() and os.access(file.parent, os.W_OK | os.X_OK)


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


def words(error: sa.exc.SQLAlchemyError) -> str:
    """What went wrong, in one line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
