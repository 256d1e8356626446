"""The tables of how members come to have access, and of what is to be delivered; the others are in :mod:`tables`.

``deliveries`` is global: it is what finds the organization of something that is due.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from scim_server.store.columns import Json, Key, Moment, metadata

# The outbox and the calendar; see store/deliveries.py.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    # The id of who or what it is about.
    Column("subject", Key, nullable=False),
    # What tells it from others of its kind that are about the same, '' where there is one at most.
    Column("about", Key, nullable=False, server_default=""),
    Column("payload", Json),
    # The date that it is due on, where that is a day in the organization's time zone.
    Column("day", Key),
    Column("due_at", Moment, nullable=False),
    # When a worker looks at it next; NULL once it is given up.
    Column("next_at", Moment),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Why the last attempt failed.
    Column("failure", Text),
    Column("created_at", Moment, nullable=False),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_deliveries_organizations"),
    UniqueConstraint("org_id", "subject", "kind", "about", name="uq_deliveries_subject"),
    Index("ix_deliveries_org_id", "org_id", "id"),
    Index(
        "ix_deliveries_next_at",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
)


def _of_user(table: str) -> ForeignKeyConstraint:
    """Return the foreign key to a user, with whom the row goes."""
    return ForeignKeyConstraint(
        ["org_id", "user_id"], ["resources.org_id", "resources.id"], name=f"fk_{table}_user", ondelete="CASCADE"
    )


# The invitation of a member, the last one where there were several.
invitations = Table(
    "invitations",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("status", Key, nullable=False),
    Column("invited_by", Key, nullable=False),
    Column("invited_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("expires_at", Moment),
    # Why it could not be sent.
    Column("failure", Text),
    PrimaryKeyConstraint("org_id", "user_id"),
    _of_user("invitations"),
    CheckConstraint("status IN ('pending', 'sent', 'failed', 'accepted', 'revoked')", name="status"),
)

# What a person opens by a link that was sent to them: one of each purpose, so that a new one ends the one before.
links = Table(
    "links",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("purpose", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("key_id", Key, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "user_id", "purpose"),
    _of_user("links"),
    UniqueConstraint("org_id", "digest", name="uq_links_digest"),
    CheckConstraint("purpose IN ('invitation', 'password')", name="purpose"),
)

# What members have agreed to; a new version of a document asks again.
consents = Table(
    "consents",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("document", Key, nullable=False),
    Column("version", Key, nullable=False),
    Column("given_at", Moment, nullable=False),
    # At what: an invitation, a sign_in, or the portal's own page.
    Column("through", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "user_id", "document", "version"),
    _of_user("consents"),
    CheckConstraint("through IN ('invitation', 'sign_in', 'portal')", name="through"),
)

# The browsers in which members are signed in.
sessions = Table(
    "sessions",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("key_id", Key, nullable=False),
    Column("agent", Text),
    Column("address", Text),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    _of_user("sessions"),
    UniqueConstraint("org_id", "digest", name="uq_sessions_digest"),
    Index("ix_sessions_user", "org_id", "user_id", "id"),
)

# When each member last signed in.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "user_id"),
    _of_user("sign_ins"),
)
