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
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("state", Integer, nullable=False),
    Column("changed", Float, nullable=False),  # seconds since 1970
    Column("document", Text, nullable=False),
)
