"""What was declared when a photo was graded, beside its key."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

JSON = sa.JSON(none_as_null=True)
COLUMNS = ("technique", "suture_size", "kit", "scale")


def upgrade() -> None:
    op.add_column("result", sa.Column("declared", JSON, nullable=True))
    _fill()


def _fill() -> None:
    """Where a submission still declares what its result was graded by, the result says so now; what was
    declared otherwise since is known by its key alone, and stays unsaid."""
    result = sa.table("result", *(sa.column(n) for n in ("id", "submission_id", "declared_key")))
    result.append_column(sa.column("declared", JSON))
    submission = sa.table("submission", sa.column("id"), *(sa.column(n) for n in COLUMNS[:-1]))
    submission.append_column(sa.column("scale", JSON))
    query = (
        sa.select(result.c.id, result.c.declared_key, *(submission.c[n] for n in COLUMNS))
        .join(submission, submission.c.id == result.c.submission_id)
        .where(result.c.declared_key != "")
    )
    connection = op.get_bind()
    filled = []
    for row in connection.execute(query).mappings():
        declared = {n: row[n] for n in COLUMNS if row[n] is not None}
        key = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
        if key == row["declared_key"]:
            filled.append({"row": row["id"], "said": declared})
    if filled:
        change = sa.update(result).where(result.c.id == sa.bindparam("row"))
        connection.execute(change.values(declared=sa.bindparam("said", type_=JSON)), filled)
