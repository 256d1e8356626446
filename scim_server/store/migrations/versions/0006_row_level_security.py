"""Row-level security on PostgreSQL: a connection sees the rows of the organization that it has named."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "connections",
    "resources",
    "resource_counts",
    "memberships",
    "passwords",
    "emails",
    "tombstones",
    "trail",
    "connection_hours",
    "oauth_codes",
    "oauth_assertions",
)
OWN = "org_id = current_setting('app.org', true)"


def upgrade() -> None:
    """Apply the change."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TENANT_TABLES:
        op.execute(f"CREATE POLICY organization ON {table} USING ({OWN}) WITH CHECK ({OWN})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # The owner too: a server that is served by the one who migrates has the same second lock.
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
