"""What callers have shown of contents, which references are not counted, and sign-ins that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "shown",
        sa.Column("user", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("time_s", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "doubts",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(32), primary_key=True),
        sa.Column("user", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "failures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("time_s", sa.Float, nullable=False, index=True),
    )
    op.create_index("failures_name", "failures", ["name", "time_s"])
