"""The durable queues of destinations: what is put in is numbered, kept in order, and taken out when it has arrived."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from virtcim.broker.store_database import Database
from virtcim.later import Later

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

    from virtcim.broker import store_tables as t
else:
    sa, t = Later("sqlalchemy"), Later("virtcim.broker.store_tables")
    postgresql, sqlite = Later("sqlalchemy.dialects.postgresql"), Later("sqlalchemy.dialects.sqlite")

DELIVERY = "delivery"  # the lease on sending what is queued
MANY = 500  # values in one IN (...)
LAST_NUMBER = 2**63 - 1


class LeaseLost(Exception):
    """Another server does by now what this one wanted to tell of; `name` is that of the lease."""

    def __init__(self, name: str) -> None:
        super().__init__(f"another server holds the lease on {name}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Draft:
    """An indication to be queued; `body` makes the request of SequenceContext and SequenceNumber.

    `made` in seconds since 1970. `lease` is the one that must be held for telling it, "" for none.
    """

    destination: str
    subscription: str
    url: str
    made: float
    body: Callable[[str, int], bytes]
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An indication on its way: the request body, ready to be sent to a URL."""

    id: int
    destination: str
    subscription: str
    url: str
    made: float
    attempts: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """The state of an object that indications were last made for; `document` None when it is gone."""

    digest: str
    place: str
    kind: str
    key: str
    document: bytes | None


@dataclass
class Beside:
    """What is to be written together with drafts: what they tell, and the leases that must be held, with epochs."""

    told: dict[str, Told] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)  # places of which all is dropped first
    leases: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.told or self.forgotten)

    def without(self, place: str) -> Beside:
        """What is left when the lease on a place is lost."""
        told = {key: one for key, one in self.told.items() if one.place != place}
        leases = {name: epoch for name, epoch in self.leases.items() if name != place}
        return Beside(told, self.forgotten - {place}, leases)


class Queue:
    """The queues of a database. Errors of all: CIMError FAILED."""

    def __init__(self, database: Database, server: str, name: str = "virtcim") -> None:
        self._database = database
        self._server = server
        self.name = name  # begins the SequenceContexts

    def enqueue(self, drafts: Sequence[Draft], beside: Beside | None = None, batch: int = 0) -> None:
        """Append to the queues of their destinations, all or none, in the order given. Errors: also LeaseLost.

        What is tried again, since it is not known whether it was done, has the same number as `batch`.
        """
        if drafts or beside:
            with self._database.writing() as connection:
                if batch and self._done(connection, batch):
                    return
                if beside is not None:
                    self._check(connection, beside.leases)
                    _remember(connection, beside)
                if drafts:
                    connection.execute(sa.insert(t.DELIVERIES), self._numbered(connection, drafts))

    def _done(self, connection: sa.Connection, batch: int) -> bool:
        """Whether this server's batch was written already; it is from here on."""
        name = f"batch:{self._server}"
        if connection.scalar(sa.select(t.LEASES.c.epoch).where(t.LEASES.c.name == name)) == batch:
            return True
        put(connection, t.LEASES, [{"name": name, "epoch": batch, "holder": self._server}])
        return False

    def tidy(self, alive: Sequence[str]) -> None:
        """Forget the batches of servers that are not alive any more."""
        if self._database.blank:
            return
        with self._database.writing() as connection:
            gone = t.LEASES.c.name.startswith("batch:") & t.LEASES.c.holder.not_in([*alive, self._server])
            connection.execute(sa.delete(t.LEASES).where(gone))

    def queued(self, destination: str, limit: int) -> list[Delivery]:
        """The first of a destination's queue."""
        if self._database.blank:
            return []
        wanted = sa.select(t.DELIVERIES).where(t.DELIVERIES.c.destination == destination)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(t.DELIVERIES.c.id).limit(limit))
            return [Delivery(**row._mapping) for row in rows]

    def waiting(self) -> list[str]:
        """The destinations that have a queue."""
        if self._database.blank:
            return []
        with self._database.reading() as connection:
            return list(connection.scalars(sa.select(t.DELIVERIES.c.destination).distinct()))

    def dequeue(self, ids: Sequence[int]) -> None:
        """Take deliveries out of their queues: they arrived, or were given up. Undone, they are sent once more."""
        if ids:
            with self._database.writing(durable=False) as connection:
                connection.execute(sa.delete(t.DELIVERIES).where(t.DELIVERIES.c.id.in_(ids)))

    def failed(self, delivery: Delivery) -> None:
        """Count an attempt that failed."""
        with self._database.writing(durable=False) as connection:
            counted = sa.update(t.DELIVERIES).where(t.DELIVERIES.c.id == delivery.id)
            connection.execute(counted.values(attempts=delivery.attempts + 1))

    def untold(self, lead: str, kind: str) -> list[str]:
        """The leases beginning so that other servers at work hold, of which nothing of the kind is kept as told."""
        others = [one for one in self._database.servers() if one != self._server]
        if not others or self._database.blank:
            return []
        known = sa.select(t.TOLD.c.place).where(t.TOLD.c.kind == kind)
        held = sa.select(t.LEASES.c.name).where(t.LEASES.c.name.startswith(lead), t.LEASES.c.holder.in_(others))
        with self._database.reading() as connection:
            return list(connection.scalars(held.where(t.LEASES.c.name.not_in(known))))

    def told(self, place: str) -> list[Told]:
        """What was told of the objects of a place."""
        if self._database.blank:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(t.TOLD).where(t.TOLD.c.place == place))
            return [Told(**row._mapping) for row in rows]

    def _check(self, connection: sa.Connection, leases: Mapping[str, int]) -> None:
        for name, epoch in leases.items():
            held = sa.select(t.LEASES.c.epoch).where(t.LEASES.c.name == name).with_for_update(read=True)
            if connection.scalar(held) != epoch:
                raise LeaseLost(name)

    def _numbered(self, connection: sa.Connection, drafts: Sequence[Draft]) -> list[dict[str, object]]:
        """Rows with bodies; who else numbers waits until this transaction has ended."""
        counts = Counter(one.destination for one in drafts)
        run = connection.scalar(sa.select(t.LEASES.c.epoch).where(t.LEASES.c.name == DELIVERY).with_for_update()) or 0
        known = {row.destination: row for row in _sequences(connection, list(counts)) if row.run == run}
        context = {one: known[one].context if one in known else self._context(run) for one in counts}
        number = {one: known[one].number if one in known else 0 for one in counts}
        rows = []
        for draft in drafts:
            to = draft.destination
            rows.append(_row(draft, draft.body(context[to], number[to])))
            number[to] = 0 if number[to] == LAST_NUMBER else number[to] + 1
        next_ones = [{"destination": to, "context": context[to], "number": number[to], "run": run} for to in counts]
        put(connection, t.SEQUENCES, next_ones)
        return rows

    def _context(self, run: int) -> str:
        return f"{self.name}#{run}#{uuid.uuid4().hex[:12]}"


def put(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows in the place of those with the same primary key."""
    if not rows:
        return
    (key,) = table.primary_key.columns
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(table)
    others = {column.name: insert.excluded[column.name] for column in table.columns if column is not key}
    connection.execute(insert.on_conflict_do_update(index_elements=[key], set_=others), rows)


def _sequences(connection: sa.Connection, destinations: Sequence[str]) -> Iterable[sa.Row[tuple[object, ...]]]:
    for begin in range(0, len(destinations), MANY):
        some = t.SEQUENCES.c.destination.in_(destinations[begin : begin + MANY])
        yield from connection.execute(sa.select(t.SEQUENCES).where(some))


def _remember(connection: sa.Connection, beside: Beside) -> None:
    for place in beside.forgotten:
        connection.execute(sa.delete(t.TOLD).where(t.TOLD.c.place == place))
    gone = [one.digest for one in beside.told.values() if one.document is None]
    for begin in range(0, len(gone), MANY):
        connection.execute(sa.delete(t.TOLD).where(t.TOLD.c.digest.in_(gone[begin : begin + MANY])))
    put(connection, t.TOLD, [_told_row(one) for one in beside.told.values() if one.document is not None])


def _told_row(one: Told) -> dict[str, object]:
    return {"digest": one.digest, "place": one.place, "kind": one.kind, "key": one.key, "document": one.document}


def _row(one: Draft, body: bytes) -> dict[str, object]:
    return {
        "destination": one.destination,
        "subscription": one.subscription,
        "url": one.url,
        "made": one.made,
        "attempts": 0,
        "body": body,
    }
