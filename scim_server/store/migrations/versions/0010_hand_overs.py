"""Hand-overs of the administrator's seat; what people turn to instead of an administrator."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
OWN = "org_id = current_setting('app.org', true)"
OPEN = sa.text("status = 'requested'")


def upgrade() -> None:
    """Apply the change."""
    op.add_column("organizations", sa.Column("contact_email", sa.Text(), nullable=True))
    op.add_column("organizations", sa.Column("seated_at", MOMENT, nullable=True))
    op.create_table(
        "hand_overs",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("from_user_id", KEY, nullable=True),
        sa.Column("to_user_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence_name", sa.Text(), nullable=True),
        sa.Column("evidence_type", sa.Text(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("evidence_digest", KEY, nullable=True),
        sa.Column("status", KEY, nullable=False),
        sa.Column("requested_by", KEY, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('designation', 'hand_over', 'recovery')", name=op.f("ck_hand_overs_kind")),
        sa.CheckConstraint(
            "status IN ('requested', 'approved', 'rejected', 'withdrawn')", name=op.f("ck_hand_overs_status")
        ),
        sa.CheckConstraint("(evidence IS NULL) = (evidence_digest IS NULL)", name=op.f("ck_hand_overs_evidence")),
        sa.CheckConstraint("status <> 'approved' OR evidence IS NOT NULL", name=op.f("ck_hand_overs_approved")),
        sa.ForeignKeyConstraint(
            ["org_id", "to_user_id"],
            ["resources.org_id", "resources.id"],
            name="fk_hand_overs_to_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_hand_overs"),
    )
    op.create_index(
        "uq_hand_overs_open", "hand_overs", ["org_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_hand_overs_to_user", "hand_overs", ["org_id", "to_user_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE POLICY organization ON hand_overs USING ({OWN}) WITH CHECK ({OWN})")
        op.execute("ALTER TABLE hand_overs ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE hand_overs FORCE ROW LEVEL SECURITY")
