"""The table of what an organization asks of the operator: that a member gets the administrator's seat."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from scim_server.store.columns import Key, Moment, metadata

hand_overs = Table(
    "hand_overs",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    # The key that the portal's profile gives the role.
    Column("role", Key, nullable=False),
    # NB: refers to nobody, so that what they agreed to outlives their record.
    Column("from_user_id", Key),
    Column("to_user_id", Key, nullable=False),
    Column("reason", Text, nullable=False),
    # A signed letter, or whatever else the operator decides by.
    Column("evidence_name", Text),
    Column("evidence_type", Text),
    Column("evidence", LargeBinary),
    Column("evidence_digest", Key),
    Column("status", Key, nullable=False),
    Column("requested_by", Key, nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("decided_by", Key),
    Column("decided_at", Moment),
    Column("note", Text),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "to_user_id"],
        ["resources.org_id", "resources.id"],
        name="fk_hand_overs_to_user",
        ondelete="CASCADE",
    ),
    CheckConstraint("kind IN ('designation', 'hand_over', 'recovery')", name="kind"),
    CheckConstraint("status IN ('requested', 'approved', 'rejected', 'withdrawn')", name="status"),
    CheckConstraint("(evidence IS NULL) = (evidence_digest IS NULL)", name="evidence"),
    CheckConstraint("status <> 'approved' OR evidence IS NOT NULL", name="approved"),
    # One at a time: two would each be decided without the other.
    Index(
        "uq_hand_overs_open",
        "org_id",
        unique=True,
        sqlite_where=text("status = 'requested'"),
        postgresql_where=text("status = 'requested'"),
    ),
    # For the database itself, which asks for those of each member who is deleted.
    Index("ix_hand_overs_to_user", "org_id", "to_user_id"),
)
