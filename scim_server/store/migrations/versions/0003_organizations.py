"""Organizations with a time zone, a language and versions; idempotency keys; the trail by actor and by action."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")

# SQLite cannot change a constraint: its table is made anew from this one, which is that of 0001.
ORGANIZATIONS = sa.Table(
    "organizations",
    sa.MetaData(),
    sa.Column("id", KEY, nullable=False),
    sa.Column("slug", KEY, nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("status", KEY, server_default="active", nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.CheckConstraint("status IN ('active', 'suspended')", name="ck_organizations_status"),
    sa.PrimaryKeyConstraint("id", name="pk_organizations"),
    sa.UniqueConstraint("slug", name="uq_organizations_slug"),
)


def upgrade() -> None:
    """Apply the change."""
    with op.batch_alter_table("organizations", copy_from=ORGANIZATIONS) as batch:
        batch.add_column(sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False))
        batch.add_column(sa.Column("language", KEY, server_default="en", nullable=False))
        batch.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch.drop_constraint(op.f("ck_organizations_status"), type_="check")
        batch.create_check_constraint(op.f("ck_organizations_status"), "status IN ('active', 'suspended', 'deleting')")
        batch.create_check_constraint(op.f("ck_organizations_language"), "language IN ('en', 'fr')")
    op.add_column("connections", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.create_index(
        "ix_resources_parent",
        "resources",
        ["org_id", "parent_id"],
        unique=False,
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_resources_inactive",
        "resources",
        ["org_id", "resource_type", "id"],
        unique=False,
        sqlite_where=sa.text("active IS 0"),
        postgresql_where=sa.text("active IS FALSE"),
    )
    op.create_index("ix_trail_actor", "trail", ["org_id", "actor_id", "id"], unique=False)
    op.create_index("ix_trail_action", "trail", ["org_id", "action", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("request", KEY, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("leased_until", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_org_id", "idempotency_keys", ["org_id"], unique=False)
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False)
