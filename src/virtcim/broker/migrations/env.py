"""Alembic's entry: runs the migrations on the connection that store.migrate() hands over."""

from __future__ import annotations

from alembic import context

from virtcim.broker.store_tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
