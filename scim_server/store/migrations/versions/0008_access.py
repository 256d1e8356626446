"""Deliveries; invitations, links, consents, sessions and sign-ins of members."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
OWN = "org_id = current_setting('app.org', true)"
PENDING = sa.text("next_at IS NOT NULL")
STATUS = "status IN ('pending', 'sent', 'failed', 'accepted', 'revoked')"


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("subject", KEY, nullable=False),
        sa.Column("about", KEY, server_default="", nullable=False),
        sa.Column("payload", JSON, nullable=True),
        sa.Column("day", KEY, nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_deliveries_organizations"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("org_id", "subject", "kind", "about", name="uq_deliveries_subject"),
    )
    op.create_index("ix_deliveries_org_id", "deliveries", ["org_id", "id"], unique=False)
    op.create_index(
        "ix_deliveries_next_at",
        "deliveries",
        ["next_at"],
        unique=False,
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    _create_invitations()
    op.create_table(
        "consents",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("document", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("through", KEY, nullable=False),
        sa.CheckConstraint("through IN ('invitation', 'sign_in', 'portal')", name=op.f("ck_consents_through")),
        _of_user("consents"),
        sa.PrimaryKeyConstraint("org_id", "user_id", "document", "version", name="pk_consents"),
    )
    _create_sessions()
    if op.get_bind().dialect.name == "postgresql":
        for table in ("invitations", "links", "consents", "sessions", "sign_ins"):
            op.execute(f"CREATE POLICY organization ON {table} USING ({OWN}) WITH CHECK ({OWN})")
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("invited_by", KEY, nullable=False),
        sa.Column("invited_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint(STATUS, name=op.f("ck_invitations_status")),
        _of_user("invitations"),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_invitations"),
    )
    op.create_table(
        "links",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("purpose", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint("purpose IN ('invitation', 'password')", name=op.f("ck_links_purpose")),
        _of_user("links"),
        sa.PrimaryKeyConstraint("org_id", "user_id", "purpose", name="pk_links"),
        sa.UniqueConstraint("org_id", "digest", name="uq_links_digest"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        _of_user("sessions"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_sessions"),
        sa.UniqueConstraint("org_id", "digest", name="uq_sessions_digest"),
    )
    op.create_index("ix_sessions_user", "sessions", ["org_id", "user_id", "id"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        _of_user("sign_ins"),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_sign_ins"),
    )


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key to a user, with whom the row goes."""
    return sa.ForeignKeyConstraint(
        ["org_id", "user_id"], ["resources.org_id", "resources.id"], name=f"fk_{table}_user", ondelete="CASCADE"
    )
