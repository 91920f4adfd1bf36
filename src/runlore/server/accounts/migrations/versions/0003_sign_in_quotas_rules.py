"""Signing in with a provider, quotas of teams and what they use, rules of retention, and who carries them out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(500), primary_key=True),
        sa.Column("subject", sa.String(300), primary_key=True),
        sa.Column("user", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    )
    op.create_table(
        "sign_ins",
        sa.Column("state", sa.String(64), primary_key=True),
        sa.Column("nonce", sa.String(100), nullable=False),
        sa.Column("verifier", sa.String(100), nullable=False),
        sa.Column("redirect", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("expires_s", sa.Float, nullable=False, index=True),
    )
    op.add_column("members", sa.Column("by_claim", sa.Boolean, nullable=False, server_default=sa.false()))
    for name, kind in (
        ("most_bytes", sa.BigInteger), ("most_runs", sa.Integer), ("used_bytes", sa.BigInteger),
        ("used_runs", sa.Integer), ("measured_s", sa.Float),
    ):  # fmt: skip
        op.add_column("teams", sa.Column(name, kind))
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("pattern", sa.String(1000), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("days", sa.Float, nullable=False),
        sa.Column("created_s", sa.Float, nullable=False),
        sa.UniqueConstraint("pattern", "action"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("holder", sa.String(100), nullable=False),
        sa.Column("until_s", sa.Float, nullable=False),
    )
