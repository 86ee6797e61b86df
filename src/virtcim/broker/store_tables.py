"""The tables of the durable state, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself in SQLite

INSTANCES = Table(
    "instances",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),  # of the path, which may be longer than an index takes
    Column("namespace", Text, nullable=False),
    Column("classname", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("properties", Text, nullable=False),
)
CHANGES = Table(  # of instances, for the other servers of the database
    "changes",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False),
    sqlite_autoincrement=True,
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("destination", String(64), nullable=False),  # digests of paths
    Column("subscription", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("made", Float, nullable=False),  # seconds since 1970
    Column("attempts", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("deliveries_in_order", "destination", "id"),
    Index("deliveries_of_subscription", "subscription"),
    sqlite_autoincrement=True,  # a number is never used twice
)
SEQUENCES = Table(  # what SequenceContext and SequenceNumber a destination gets next
    "sequences",
    METADATA,
    Column("destination", String(64), primary_key=True),
    Column("context", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),  # epoch of the lease on delivery: with another the context is another
)
TOLD = Table(  # the state of each object that indications were last made for
    "told",
    METADATA,
    Column("digest", String(64), primary_key=True),  # of place, kind and key
    Column("place", String(64), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
LEASES = Table(  # who does what only one server may do; the epoch grows with each holder
    "leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
)
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("state", Integer, nullable=False),
    Column("changed", Float, nullable=False),  # seconds since 1970
    Column("document", Text, nullable=False),
    Column("server", String(64), nullable=False, server_default=""),  # the one that runs it
    Column("place", String(64), nullable=False, server_default=""),  # lease of the host that it is about; "" for none
)
