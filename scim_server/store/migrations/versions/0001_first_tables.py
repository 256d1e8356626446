"""The first tables: organizations, connections, tokens, resources, memberships, passwords, tombstones, the trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "organizations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("slug", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", KEY, server_default="active", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_organizations_status")),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.UniqueConstraint("slug", name="uq_organizations_slug"),
    )
    op.create_table(
        "connections",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("profile", KEY, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("on_inactive", KEY, server_default="refuse", nullable=False),
        sa.Column("on_existing", KEY, server_default="refuse", nullable=False),
        sa.Column("on_delete", KEY, server_default="hard", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("on_delete IN ('hard', 'soft')", name=op.f("ck_connections_on_delete")),
        sa.CheckConstraint("on_existing IN ('refuse', 'adopt')", name=op.f("ck_connections_on_existing")),
        sa.CheckConstraint("on_inactive IN ('refuse', 'reactivate')", name=op.f("ck_connections_on_inactive")),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_connections_organizations"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_connections"),
        sa.UniqueConstraint("org_id", "name", name="uq_connections_name"),
    )
    op.create_table(
        "resources",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_type", KEY, nullable=False),
        sa.Column("namespace", KEY, server_default="", nullable=False),
        sa.Column("unique_key", KEY, nullable=True),
        sa.Column("external_id", KEY, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("display", sa.Text(), nullable=True),
        sa.Column("kind", KEY, nullable=True),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("folded", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("modified_at", MOMENT, nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("changed_by", KEY, nullable=True),
        sa.Column("managed_by", KEY, nullable=True),
        sa.CheckConstraint("kind IN ('role', 'team', 'customerGroup')", name=op.f("ck_resources_kind")),
        sa.ForeignKeyConstraint(
            ["org_id", "parent_id"], ["resources.org_id", "resources.id"], name="fk_resources_parent"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_resources_organizations"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_resources"),
        sa.UniqueConstraint("org_id", "unique_key", "resource_type", "namespace", name="uq_resources_unique_key"),
    )
    op.create_index(
        "ix_resources_external_id",
        "resources",
        ["org_id", "external_id", "resource_type"],
        unique=False,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index("ix_resources_type", "resources", ["org_id", "resource_type", "id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_tokens_organizations"),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
    )
    op.create_index("ix_tokens_id", "tokens", ["id"], unique=False)
    op.create_index("ix_tokens_org_id", "tokens", ["org_id", "connection_id"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_type", KEY, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=False),
        sa.Column("deleted_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_tombstones_organizations"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_tombstones"),
    )
    op.create_table(
        "trail",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_kind", KEY, nullable=False),
        sa.Column("actor_id", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=True),
        sa.Column("request_id", KEY, nullable=True),
        sa.Column("action", KEY, nullable=False),
        sa.Column("resource_type", KEY, nullable=True),
        sa.Column("resource_id", KEY, nullable=True),
        sa.Column("changes", JSON, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_trail_organizations"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_trail"),
    )
    op.create_index("ix_trail_resource", "trail", ["org_id", "resource_id", "id"], unique=False)
    op.create_table(
        "resource_counts",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("resource_type", KEY, nullable=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_resource_counts_organizations"),
        sa.PrimaryKeyConstraint("org_id", "resource_type", "namespace", "shard", name="pk_resource_counts"),
    )
    op.create_table(
        "memberships",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "group_id"],
            ["resources.org_id", "resources.id"],
            name="fk_memberships_group",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "member_id"],
            ["resources.org_id", "resources.id"],
            name="fk_memberships_member",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "group_id", "member_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_member", "memberships", ["org_id", "member_id", "group_id"], unique=False)
    op.create_table(
        "passwords",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"], ["resources.org_id", "resources.id"], name="fk_passwords_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_passwords"),
    )
