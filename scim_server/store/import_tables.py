"""The tables of imports: the file in chunks, what its rows are to do, and what is wrong with them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from scim_server.store.columns import Json, Key, Moment, metadata

imports = Table(
    "imports",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("status", Key, nullable=False),
    # Of the file; NULL while it is being uploaded.
    Column("digest", Key),
    Column("size_bytes", BigInteger, nullable=False),
    # What separates the cells, and the columns in their order: NULL until the first row is read.
    Column("delimiter", Key),
    Column("columns", Json),
    # How far the verification or the import has come: the byte and the row to go on behind.
    Column("read_bytes", BigInteger, nullable=False),
    Column("rows_done", Integer, nullable=False),
    Column("rows_total", Integer, nullable=False),
    # The rows that were, or would be, of each kind; blank ones are none of these.
    Column("created", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("faulty", Integer, nullable=False),
    # How many faults there are, of which the first are kept.
    Column("faults", Integer, nullable=False),
    # Who asked for it last: it is done in their name.
    Column("actor_kind", Key, nullable=False),
    Column("actor_id", Key, nullable=False),
    # Which worker is at it, and until when no other one is.
    Column("lease", Key),
    Column("leased_until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_imports_organizations"),
    CheckConstraint(
        "status IN ('uploading', 'uploaded', 'verifying', 'verified', 'faulty', 'importing', 'imported')",
        name="status",
    ),
)

# The bytes of the file: all chunks but the last are of one size. They go when the import is done.
import_chunks = Table(
    "import_chunks",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("import_id", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("org_id", "import_id", "number"),
    ForeignKeyConstraint(
        ["org_id", "import_id"],
        ["imports.org_id", "imports.id"],
        name="fk_import_chunks_import",
        ondelete="CASCADE",
    ),
)

# What the verification said of each row. No two rows are about one member, whether by the userName that they have
# afterwards, by the externalId that they are found by or get, or by who they are.
import_rows = Table(
    "import_rows",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("import_id", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("verdict", Key, nullable=False),
    # The userName, or else the externalId, as the row has it.
    Column("display", Text),
    Column("unique_key", Key),
    Column("external_id", Key),
    # NULL where the row creates a member.
    Column("user_id", Key),
    # Of a member that is changed, by column, what it had and what it gets.
    Column("changes", Json),
    PrimaryKeyConstraint("org_id", "import_id", "number"),
    ForeignKeyConstraint(
        ["org_id", "import_id"],
        ["imports.org_id", "imports.id"],
        name="fk_import_rows_import",
        ondelete="CASCADE",
    ),
    # What is looked up leads: see rows_about.
    UniqueConstraint("org_id", "unique_key", "import_id", name="uq_import_rows_unique_key"),
    UniqueConstraint("org_id", "external_id", "import_id", name="uq_import_rows_external_id"),
    UniqueConstraint("org_id", "user_id", "import_id", name="uq_import_rows_user"),
    CheckConstraint("verdict IN ('create', 'change', 'leave', 'fault')", name="verdict"),
)

import_faults = Table(
    "import_faults",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("import_id", Key, nullable=False),
    Column("number", Integer, nullable=False),
    # The number that a spreadsheet shows for the row, of which 1 is the header.
    Column("row_number", Integer, nullable=False),
    # NULL where it is the row as a whole.
    Column("column_name", Text),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "import_id", "number"),
    ForeignKeyConstraint(
        ["org_id", "import_id"],
        ["imports.org_id", "imports.id"],
        name="fk_import_faults_import",
        ondelete="CASCADE",
    ),
)
