"""The names that members are listed and searched by, for the members there are too, and the indexes of their list."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
IS_MEMBER = sa.text("state IS NOT NULL")
INDEXES = {
    "ix_resources_name": ["org_id", "state", "last_name", "first_name", "id"],
    "ix_resources_first_name": ["org_id", "first_name", "id"],
    "ix_resources_managed_by": ["org_id", "managed_by", "id"],
}

# NB: whatever a document holds, neither raises: see store/resources.py, listed_names.
FILL = {
    "postgresql": """
        UPDATE resources
           SET last_name = left(coalesce(
                   nullif(CASE jsonb_typeof(folded #> '{name,familyName}')
                          WHEN 'string' THEN folded #>> '{name,familyName}' END, ''),
                   nullif(CASE jsonb_typeof(folded -> 'displayName')
                          WHEN 'string' THEN folded ->> 'displayName' END, ''),
                   unique_key, ''), 100),
               first_name = left(coalesce(CASE jsonb_typeof(folded #> '{name,givenName}')
                          WHEN 'string' THEN folded #>> '{name,givenName}' END, ''), 100)
         WHERE resources.org_id = :org_id AND resource_type = 'User'
    """,
    "sqlite": """
        UPDATE resources
           SET last_name = substr(coalesce(
                   nullif(CASE json_type(folded, '$.name.familyName')
                          WHEN 'text' THEN json_extract(folded, '$.name.familyName') END, ''),
                   nullif(CASE json_type(folded, '$.displayName')
                          WHEN 'text' THEN json_extract(folded, '$.displayName') END, ''),
                   unique_key, ''), 1, 100),
               first_name = substr(coalesce(CASE json_type(folded, '$.name.givenName')
                          WHEN 'text' THEN json_extract(folded, '$.name.givenName') END, ''), 1, 100)
         WHERE resources.org_id = :org_id AND resource_type = 'User'
    """,
}


def upgrade() -> None:
    """Apply the change."""
    op.add_column("resources", sa.Column("last_name", KEY, nullable=True))
    op.add_column("resources", sa.Column("first_name", KEY, nullable=True))
    db = op.get_bind()
    fill = sa.text(FILL[db.dialect.name])
    if db.dialect.name == "postgresql":
        op.execute("ALTER TABLE resources NO FORCE ROW LEVEL SECURITY")
    for org_id in db.scalars(sa.text("SELECT id FROM organizations ORDER BY id")).all():
        db.execute(fill, {"org_id": org_id})
    if db.dialect.name == "postgresql":
        op.execute("ALTER TABLE resources FORCE ROW LEVEL SECURITY")
    for name, columns in INDEXES.items():
        op.create_index(name, "resources", columns, unique=False, sqlite_where=IS_MEMBER, postgresql_where=IS_MEMBER)
