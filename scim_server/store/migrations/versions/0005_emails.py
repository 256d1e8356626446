"""E-mail addresses as rows, which an index finds, for the resources there are too."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# NB: what is longer than 1,000 bytes has no row: see store/emails.py. Whatever a document holds, neither raises.
FILL = {
    "postgresql": """
        INSERT INTO emails (org_id, value, resource_id)
        SELECT :org_id, found.value, found.id
          FROM (
               SELECT DISTINCT resources.id, element ->> 'value' AS value
                 FROM resources, jsonb_path_query(
                      CASE jsonb_typeof(folded -> 'emails') WHEN 'array' THEN folded -> 'emails' END,
                      '$[*]') AS element
                WHERE resources.org_id = :org_id AND jsonb_typeof(element -> 'value') = 'string'
               ) AS found
         WHERE octet_length(found.value) <= 1000
    """,
    "sqlite": """
        INSERT INTO emails (org_id, value, resource_id)
        SELECT :org_id, found.value, found.id
          FROM (
               SELECT DISTINCT resources.id,
                      CASE element.type WHEN 'object' THEN
                      CASE json_type(element.value, '$.value') WHEN 'text' THEN
                      json_extract(element.value, '$.value') END END AS value
                 FROM resources, json_each(
                      CASE json_type(folded, '$.emails') WHEN 'array' THEN json_extract(folded, '$.emails') END
                      ) AS element
                WHERE resources.org_id = :org_id
               ) AS found
         WHERE length(CAST(found.value AS BLOB)) <= 1000
    """,
}


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "emails",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "resource_id"],
            ["resources.org_id", "resources.id"],
            name="fk_emails_resource",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "value", "resource_id", name="pk_emails"),
    )
    op.create_index("ix_emails_resource", "emails", ["org_id", "resource_id"], unique=False)
    db = op.get_bind()
    fill = sa.text(FILL[db.dialect.name])
    for org_id in db.scalars(sa.text("SELECT id FROM organizations ORDER BY id")).all():
        db.execute(fill, {"org_id": org_id})
