"""Alembic's entry: works on the connection that `api.store.migrate` hands over, in its transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from api.store.models import Base, UtcDateTime


def plain_type(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """A migration must not change with today's models: their own types stand as what they are stored as."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain_type,
)
context.run_migrations()
