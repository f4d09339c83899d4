"""What is declared of a clip; assignments whose second marking is unseen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    op.add_column("submission", sa.Column("motion", JSON, nullable=True))
    # Assignments that are there were marked in sight of each other: they stay so.
    op.add_column("assignment", sa.Column("unseen", sa.Boolean(), nullable=False, server_default=sa.false()))
