"""Imports of members: the file in chunks, what its rows are to do, and what is wrong with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
OWN = "org_id = current_setting('app.org', true)"
STATUSES = "status IN ('uploading', 'uploaded', 'verifying', 'verified', 'faulty', 'importing', 'imported')"


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "imports",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("delimiter", KEY, nullable=True),
        sa.Column("columns", JSON, nullable=True),
        sa.Column("read_bytes", sa.BigInteger(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("faulty", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("actor_kind", KEY, nullable=False),
        sa.Column("actor_id", KEY, nullable=False),
        sa.Column("lease", KEY, nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(STATUSES, name=op.f("ck_imports_status")),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_imports_organizations"),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_imports"),
    )
    op.create_table(
        "import_chunks",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _of_import("import_chunks"),
        sa.PrimaryKeyConstraint("org_id", "import_id", "number", name="pk_import_chunks"),
    )
    op.create_table(
        "import_rows",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("verdict", KEY, nullable=False),
        sa.Column("display", sa.Text(), nullable=True),
        sa.Column("unique_key", KEY, nullable=True),
        sa.Column("external_id", KEY, nullable=True),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("changes", JSON, nullable=True),
        sa.CheckConstraint("verdict IN ('create', 'change', 'leave', 'fault')", name=op.f("ck_import_rows_verdict")),
        _of_import("import_rows"),
        sa.PrimaryKeyConstraint("org_id", "import_id", "number", name="pk_import_rows"),
        sa.UniqueConstraint("org_id", "unique_key", "import_id", name="uq_import_rows_unique_key"),
        sa.UniqueConstraint("org_id", "external_id", "import_id", name="uq_import_rows_external_id"),
        sa.UniqueConstraint("org_id", "user_id", "import_id", name="uq_import_rows_user"),
    )
    op.create_table(
        "import_faults",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        _of_import("import_faults"),
        sa.PrimaryKeyConstraint("org_id", "import_id", "number", name="pk_import_faults"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("imports", "import_chunks", "import_rows", "import_faults"):
            op.execute(f"CREATE POLICY organization ON {table} USING ({OWN}) WITH CHECK ({OWN})")
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _of_import(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key to the import, with which the row goes."""
    return sa.ForeignKeyConstraint(
        ["org_id", "import_id"], ["imports.org_id", "imports.id"], name=f"fk_{table}_import", ondelete="CASCADE"
    )
