"""Leases, what was told, sequences of destinations and changes of instances, so that servers can share a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "changes",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sequences",
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "told",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("place", sa.String(64), nullable=False, index=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
    )
    op.add_column("jobs", sa.Column("server", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("jobs", "server")
    for name in ("leases", "told", "sequences", "changes"):
        op.drop_table(name)
