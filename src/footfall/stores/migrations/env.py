"""Alembic's entry: run the steps on the connection that ``stores.database`` opened."""

from __future__ import annotations

from alembic import context

from footfall.stores.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
