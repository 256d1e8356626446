"""The states of members; roles, what gives them, and what is assigned; the portal profiles of organizations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
OWN = "org_id = current_setting('app.org', true)"
STATES = "state IN ('contact', 'invited', 'active', 'suspended', 'archived')"
PARENT = sa.text("parent_id IS NOT NULL")
EXTERNAL = sa.text("external_id IS NOT NULL")

# SQLite adds no constraint to a table: it is made anew from this one, which is that of 0003.
RESOURCES = sa.Table(
    "resources",
    sa.MetaData(),
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
    sa.CheckConstraint("kind IN ('role', 'team', 'customerGroup')", name="ck_resources_kind"),
    sa.ForeignKeyConstraint(["org_id", "parent_id"], ["resources.org_id", "resources.id"], name="fk_resources_parent"),
    sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_resources_organizations"),
    sa.PrimaryKeyConstraint("org_id", "id", name="pk_resources"),
    sa.UniqueConstraint("org_id", "unique_key", "resource_type", "namespace", name="uq_resources_unique_key"),
    sa.Index("ix_resources_type", "org_id", "resource_type", "id"),
    sa.Index("ix_resources_parent", "org_id", "parent_id", sqlite_where=PARENT),
    sa.Index("ix_resources_inactive", "org_id", "resource_type", "id", sqlite_where=sa.text("active IS 0")),
    sa.Index("ix_resources_external_id", "org_id", "external_id", "resource_type", sqlite_where=EXTERNAL),
)

GIVEN = (
    "UPDATE resources SET state = CASE WHEN active THEN 'active' ELSE 'suspended' END"
    " WHERE org_id = :org_id AND resource_type = 'User'",
    "UPDATE resources SET kind = 'team' WHERE org_id = :org_id AND resource_type = 'Group' AND kind IS NULL",
)


def upgrade() -> None:
    """Apply the change."""
    op.add_column("organizations", sa.Column("portal", KEY, server_default="delegated", nullable=False))
    op.add_column("organizations", sa.Column("deputy_id", KEY, nullable=True))
    op.add_column("memberships", sa.Column("since", MOMENT, nullable=True))
    _give_states()
    op.create_table(
        "roles",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("template", KEY, nullable=True),
        sa.Column("permissions", JSON, nullable=True),
        sa.CheckConstraint("(template IS NULL) = (permissions IS NOT NULL)", name=op.f("ck_roles_permissions")),
        _referring("fk_roles_group", "group_id"),
        sa.PrimaryKeyConstraint("org_id", "group_id", name="pk_roles"),
        sa.UniqueConstraint("org_id", "template", name="uq_roles_template"),
    )
    op.create_table(
        "mappings",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", KEY, nullable=False),
        sa.CheckConstraint("source IN ('group', 'role')", name=op.f("ck_mappings_source")),
        sa.ForeignKeyConstraint(
            ["org_id", "connection_id"],
            ["connections.org_id", "connections.id"],
            name="fk_mappings_connection",
            ondelete="CASCADE",
        ),
        _referring("fk_mappings_group", "group_id"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_mappings"),
        sa.UniqueConstraint("org_id", "connection_id", "source", "value", "group_id", name="uq_mappings_value"),
    )
    op.create_index("ix_mappings_group", "mappings", ["org_id", "group_id"], unique=False)
    op.create_table(
        "role_values",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=False),
        _referring("fk_role_values_resource", "resource_id"),
        sa.PrimaryKeyConstraint("org_id", "resource_id", "value", name="pk_role_values"),
    )
    op.create_index("ix_role_values_value", "role_values", ["org_id", "value", "connection_id"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("object_type", KEY, nullable=False),
        sa.Column("object_id", KEY, nullable=False),
        sa.Column("assignee_id", KEY, nullable=False),
        sa.Column("assigned_at", MOMENT, nullable=False),
        sa.Column("assigned_by", KEY, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        _referring("fk_assignments_assignee", "assignee_id"),
        sa.PrimaryKeyConstraint("org_id", "object_type", "object_id", "assignee_id", name="pk_assignments"),
    )
    op.create_index(
        "ix_assignments_assignee", "assignments", ["org_id", "assignee_id", "object_type", "object_id"], unique=False
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("roles", "mappings", "role_values", "assignments"):
            op.execute(f"CREATE POLICY organization ON {table} USING ({OWN}) WITH CHECK ({OWN})")
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _give_states() -> None:
    """Give each user the state that follows from ``active``: who has no access now may have had it."""
    db = op.get_bind()
    with op.batch_alter_table("resources", copy_from=RESOURCES) as batch:
        batch.add_column(sa.Column("state", KEY, nullable=True))
        batch.add_column(sa.Column("access_ended_at", MOMENT, nullable=True))
        batch.create_check_constraint(op.f("ck_resources_state"), STATES)
        batch.create_check_constraint(op.f("ck_resources_active"), "active = (state = 'active')")
    if db.dialect.name == "postgresql":
        op.execute("ALTER TABLE resources NO FORCE ROW LEVEL SECURITY")
    for org_id in db.scalars(sa.text("SELECT id FROM organizations ORDER BY id")).all():
        for statement in GIVEN:
            db.execute(sa.text(statement), {"org_id": org_id})
    if db.dialect.name == "postgresql":
        op.execute("ALTER TABLE resources FORCE ROW LEVEL SECURITY")


def _referring(name: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key to a user or group, with which the row goes."""
    return sa.ForeignKeyConstraint(
        ["org_id", column], ["resources.org_id", "resources.id"], name=name, ondelete="CASCADE"
    )
