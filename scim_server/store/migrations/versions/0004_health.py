"""The health of connections: requests and errors by the hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "connection_hours",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("last_request_at", MOMENT, nullable=False),
        sa.Column("last_error_at", MOMENT, nullable=True),
        sa.Column("last_error_status", sa.Integer(), nullable=True),
        sa.Column("last_error_detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id", "connection_id"],
            ["connections.org_id", "connections.id"],
            name="fk_connection_hours_connection",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "connection_id", "hour", name="pk_connection_hours"),
    )
