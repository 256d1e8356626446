"""The tables. ``org_id`` leads every key of a tenant table, so the same schema can be partitioned by it.

``organizations``, ``tokens`` and ``oauth_clients`` are global: they are what finds the organization of a request. So
is ``idempotency_keys``, which also holds what operators did across organizations. How members come to have access is in
:mod:`access_tables`.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from scim_server.store.access_tables import consents, deliveries, invitations, links, sessions, sign_ins
from scim_server.store.columns import Json, Key, Moment, metadata
from scim_server.store.hand_over_tables import hand_overs
from scim_server.store.import_tables import import_chunks, import_faults, import_rows, imports

organizations = Table(
    "organizations",
    metadata,
    Column("id", Key, primary_key=True),
    Column("slug", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Key, nullable=False, server_default="active"),
    # The name of a time zone of the IANA, and of the language of texts to people.
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("language", Key, nullable=False, server_default="en"),
    # The name of its portal profile.
    Column("portal", Key, nullable=False, server_default="delegated"),
    # The member who has the administrator's seat while no administrator has access.
    Column("deputy_id", Key),
    # A mailbox to turn to, shown in place of the addresses of the administrators.
    Column("contact_email", Text),
    # When an action first saw an administrator with access: without one after that, it is in recovery.
    Column("seated_at", Moment),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("slug", name="uq_organizations_slug"),
    CheckConstraint("status IN ('active', 'suspended', 'deleting')", name="status"),
    CheckConstraint("language IN ('en', 'fr')", name="language"),
)

connections = Table(
    "connections",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("profile", Key, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # What a POST of a userName that exists does, and what a DELETE leaves.
    Column("on_inactive", Key, nullable=False, server_default="refuse"),
    Column("on_existing", Key, nullable=False, server_default="refuse"),
    Column("on_delete", Key, nullable=False, server_default="hard"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_connections_organizations"),
    UniqueConstraint("org_id", "name", name="uq_connections_name"),
    CheckConstraint("on_inactive IN ('refuse', 'reactivate')", name="on_inactive"),
    CheckConstraint("on_existing IN ('refuse', 'adopt')", name="on_existing"),
    CheckConstraint("on_delete IN ('hard', 'soft')", name="on_delete"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", Key, primary_key=True),
    Column("key_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    # NULL where an operator's token acts in every organization.
    Column("org_id", Key),
    # NULL where the token is the portal's, not an identity provider's.
    Column("connection_id", Key),
    Column("kind", Key, nullable=False, server_default="static"),
    # The person the token stands for; NULL where it stands for the connection.
    Column("user_id", Key),
    # The OAuth client it was given to, and the consent that it follows from.
    Column("client_id", Key),
    Column("grant_id", Key),
    Column("scope", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    # The token that this one takes the place of in a rotation, and when that would have ended without it.
    Column("replaces_id", Key),
    Column("replaced_expires_at", Moment),
    # How many days before the end the log was last told of it.
    Column("warned_days", Integer),
    # NB: no foreign key to connections: a global table cannot refer to a partitioned one.
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_tokens_organizations"),
    CheckConstraint("kind IN ('static', 'access', 'refresh')", name="kind"),
    Index("ix_tokens_org_id", "org_id", "connection_id"),
    Index("ix_tokens_client_id", "org_id", "client_id"),
    Index("ix_tokens_id", "id"),
)

oauth_clients = Table(
    "oauth_clients",
    metadata,
    Column("id", Key, primary_key=True),
    Column("org_id", Key, nullable=False),
    Column("connection_id", Key),
    Column("name", Text, nullable=False),
    Column("auth_method", Key, nullable=False),
    # Two secrets live at once while they are rotated.
    Column("secret_digest", Key),
    Column("secret_key_id", Key),
    Column("previous_secret_digest", Key),
    Column("previous_secret_key_id", Key),
    Column("previous_secret_ends_at", Moment),
    # The keys of private_key_jwt and federated clients, or where they are published.
    Column("jwks", Json),
    Column("jwks_uri", Text),
    # What the assertions of a federated client say.
    Column("issuer", Key),
    Column("subject", Key),
    Column("audience", Key),
    Column("redirect_uris", Json, nullable=False),
    Column("grant_types", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_clients_organizations"),
    UniqueConstraint("issuer", "subject", "audience", name="uq_oauth_clients_issuer"),
    CheckConstraint("auth_method IN ('client_secret', 'private_key_jwt', 'federated')", name="auth_method"),
    Index("ix_oauth_clients_org_id", "org_id", "id"),
)

# Authorization codes, kept a day after their end: one that comes back revokes what it gave.
oauth_codes = Table(
    "oauth_codes",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("grant_id", Key, nullable=False),
    Column("client_id", Key, nullable=False),
    # The token of the administrator who consented.
    Column("granted_by", Key, nullable=False),
    Column("redirect_uri", Text),
    Column("scope", Text, nullable=False),
    Column("code_challenge", Text),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    PrimaryKeyConstraint("org_id", "digest"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_codes_organizations"),
)

# The assertions of private_key_jwt clients that were taken, until they expire: each is taken once.
oauth_assertions = Table(
    "oauth_assertions",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("client_id", Key, nullable=False),
    Column("jti_digest", Key, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "client_id", "jti_digest"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_assertions_organizations"),
)

resources = Table(
    "resources",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("resource_type", Key, nullable=False),
    # The scope in which unique_key is unique: '' is the whole organization; a group that a
    # connection pushed has the id of that connection.
    Column("namespace", Key, nullable=False, server_default=""),
    Column("unique_key", Key),
    Column("external_id", Key),
    Column("active", Boolean),
    # That of a member; NULL for what is no user. ``active`` says the same to SCIM.
    Column("state", Key),
    # What was opened by then, such as a session, is closed for good.
    Column("access_ended_at", Moment),
    # What a person reads: displayName, else name.formatted, else the unique attribute.
    Column("display", Text),
    # What members are listed and searched by, in their folded form; NULL for what is no user. Not as expressions on
    # ``folded``: PostgreSQL would write every index of a row anew for each change of its document.
    Column("last_name", Key),
    Column("first_name", Key),
    Column("kind", Key),
    Column("parent_id", Key),
    Column("document", Text, nullable=False),
    Column("folded", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("modified_at", Moment, nullable=False),
    Column("created_by", Key),
    Column("changed_by", Key),
    # The connection that provisions the resource; NULL where no identity provider does.
    Column("managed_by", Key),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_resources_organizations"),
    ForeignKeyConstraint(["org_id", "parent_id"], ["resources.org_id", "resources.id"], name="fk_resources_parent"),
    # What is looked up leads, so that no statistics make the index by type look as good.
    UniqueConstraint("org_id", "unique_key", "resource_type", "namespace", name="uq_resources_unique_key"),
    CheckConstraint("kind IN ('role', 'team', 'customerGroup')", name="kind"),
    CheckConstraint("state IN ('contact', 'invited', 'active', 'suspended', 'archived')", name="state"),
    CheckConstraint("active = (state = 'active')", name="active"),
    Index("ix_resources_type", "org_id", "resource_type", "id"),
    # For the database itself, which asks for the children of each row that is deleted.
    Index(
        "ix_resources_parent",
        "org_id",
        "parent_id",
        sqlite_where=text("parent_id IS NOT NULL"),
        postgresql_where=text("parent_id IS NOT NULL"),
    ),
    # For the count of those who have no access, and for who asks for them alone.
    Index(
        "ix_resources_inactive",
        "org_id",
        "resource_type",
        "id",
        sqlite_where=text("active IS 0"),
        postgresql_where=text("active IS FALSE"),
    ),
    Index(
        "ix_resources_external_id",
        "org_id",
        "external_id",
        "resource_type",
        sqlite_where=text("external_id IS NOT NULL"),
        postgresql_where=text("external_id IS NOT NULL"),
    ),
    # The three of the members list; see store/member_lists.py. This one has members in order, counts them by state,
    # and finds them by the beginning of their last names.
    Index(
        "ix_resources_name",
        *("org_id", "state", "last_name", "first_name", "id"),
        sqlite_where=text("state IS NOT NULL"),
        postgresql_where=text("state IS NOT NULL"),
    ),
    Index(
        "ix_resources_first_name",
        *("org_id", "first_name", "id"),
        sqlite_where=text("state IS NOT NULL"),
        postgresql_where=text("state IS NOT NULL"),
    ),
    Index(
        "ix_resources_managed_by",
        *("org_id", "managed_by", "id"),
        sqlite_where=text("state IS NOT NULL"),
        postgresql_where=text("state IS NOT NULL"),
    ),
)

# How many resources of a type were ever created, and deleted: a total is their difference. Each backend of
# PostgreSQL writes to the row of its shard, so that those who create at once do not wait for each other.
resource_counts = Table(
    "resource_counts",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("resource_type", Key, nullable=False),
    Column("namespace", Key, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False),
    PrimaryKeyConstraint("org_id", "resource_type", "namespace", "shard"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_resource_counts_organizations"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("group_id", Key, nullable=False),
    Column("member_id", Key, nullable=False),
    # NULL for those from before it was kept.
    Column("since", Moment),
    PrimaryKeyConstraint("org_id", "group_id", "member_id"),
    ForeignKeyConstraint(
        ["org_id", "group_id"],
        ["resources.org_id", "resources.id"],
        name="fk_memberships_group",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["org_id", "member_id"],
        ["resources.org_id", "resources.id"],
        name="fk_memberships_member",
        ondelete="CASCADE",
    ),
    Index("ix_memberships_member", "org_id", "member_id", "group_id"),
)

passwords = Table(
    "passwords",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("digest", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("org_id", "user_id"),
    ForeignKeyConstraint(
        ["org_id", "user_id"],
        ["resources.org_id", "resources.id"],
        name="fk_passwords_user",
        ondelete="CASCADE",
    ),
)

# Who has an e-mail address: one row for each ``value`` of ``emails``, as ``folded`` has it; see store/emails.py.
emails = Table(
    "emails",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("value", Key, nullable=False),
    Column("resource_id", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "value", "resource_id"),
    ForeignKeyConstraint(
        ["org_id", "resource_id"],
        ["resources.org_id", "resources.id"],
        name="fk_emails_resource",
        ondelete="CASCADE",
    ),
    Index("ix_emails_resource", "org_id", "resource_id"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("resource_type", Key, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment, nullable=False),
    Column("deleted_by", Key),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_tombstones_organizations"),
)

trail = Table(
    "trail",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor_kind", Key, nullable=False),
    Column("actor_id", Key, nullable=False),
    Column("connection_id", Key),
    Column("request_id", Key),
    Column("action", Key, nullable=False),
    Column("resource_type", Key),
    Column("resource_id", Key),
    Column("changes", Json, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_trail_organizations"),
    Index("ix_trail_resource", "org_id", "resource_id", "id"),
    Index("ix_trail_actor", "org_id", "actor_id", "id"),
    Index("ix_trail_action", "org_id", "action", "id"),
)

# The answers to requests that have an Idempotency-Key. Global: an operator's belong to no organization.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Of the key, its actor and its organization: the key itself is kept nowhere.
    Column("digest", Key, primary_key=True),
    # The organization that the request was for, '' for none.
    Column("org_id", Key, nullable=False),
    # A keyed digest of what was asked for.
    Column("request", Key, nullable=False),
    # NULL while the request is under way, for which the lease is given.
    Column("answer", LargeBinary),
    Column("leased_until", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_idempotency_keys_org_id", "org_id"),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
)

# What a connection sent in an hour, and its last error in it: the newest rows are its health.
connection_hours = Table(
    "connection_hours",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("connection_id", Key, nullable=False),
    Column("hour", Moment, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("last_request_at", Moment, nullable=False),
    Column("last_error_at", Moment),
    Column("last_error_status", Integer),
    Column("last_error_detail", Text),
    PrimaryKeyConstraint("org_id", "connection_id", "hour"),
    ForeignKeyConstraint(
        ["org_id", "connection_id"],
        ["connections.org_id", "connections.id"],
        name="fk_connection_hours_connection",
        ondelete="CASCADE",
    ),
)

# What a role of the organization allows: that of a template of its portal profile, or permissions of its own.
roles = Table(
    "roles",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("group_id", Key, nullable=False),
    Column("template", Key),
    # The scope of each permission, where there is no template.
    Column("permissions", Json),
    PrimaryKeyConstraint("org_id", "group_id"),
    ForeignKeyConstraint(
        ["org_id", "group_id"],
        ["resources.org_id", "resources.id"],
        name="fk_roles_group",
        ondelete="CASCADE",
    ),
    UniqueConstraint("org_id", "template", name="uq_roles_template"),
    CheckConstraint("(template IS NULL) = (permissions IS NOT NULL)", name="permissions"),
)

# What a connection says of people that gives them a role or a customer group: a group that it pushed, by its id or its
# name, or a value of ``roles``.
mappings = Table(
    "mappings",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("connection_id", Key, nullable=False),
    Column("source", Key, nullable=False),
    # As keys: the id of a group, the name of one, or the value.
    Column("value", Key, nullable=False),
    # As it was given.
    Column("display", Text, nullable=False),
    Column("group_id", Key, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "connection_id"],
        ["connections.org_id", "connections.id"],
        name="fk_mappings_connection",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["org_id", "group_id"],
        ["resources.org_id", "resources.id"],
        name="fk_mappings_group",
        ondelete="CASCADE",
    ),
    UniqueConstraint("org_id", "connection_id", "source", "value", "group_id", name="uq_mappings_value"),
    CheckConstraint("source IN ('group', 'role')", name="source"),
    Index("ix_mappings_group", "org_id", "group_id"),
)

# The values of ``roles`` of users, as keys, and the connection that wrote them; see store/role_values.py.
role_values = Table(
    "role_values",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("resource_id", Key, nullable=False),
    Column("value", Key, nullable=False),
    Column("connection_id", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "resource_id", "value"),
    ForeignKeyConstraint(
        ["org_id", "resource_id"],
        ["resources.org_id", "resources.id"],
        name="fk_role_values_resource",
        ondelete="CASCADE",
    ),
    Index("ix_role_values_value", "org_id", "value", "connection_id"),
)

# Objects of the portal, such as an order, that are a member's or a group's to follow.
assignments = Table(
    "assignments",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("object_type", Key, nullable=False),
    Column("object_id", Key, nullable=False),
    Column("assignee_id", Key, nullable=False),
    Column("assigned_at", Moment, nullable=False),
    Column("assigned_by", Key, nullable=False),
    Column("closed_at", Moment),
    PrimaryKeyConstraint("org_id", "object_type", "object_id", "assignee_id"),
    ForeignKeyConstraint(
        ["org_id", "assignee_id"],
        ["resources.org_id", "resources.id"],
        name="fk_assignments_assignee",
        ondelete="CASCADE",
    ),
    Index("ix_assignments_assignee", "org_id", "assignee_id", "object_type", "object_id"),
)

TENANT_TABLES = (
    connections,
    resources,
    resource_counts,
    memberships,
    passwords,
    emails,
    tombstones,
    trail,
    connection_hours,
    oauth_codes,
    oauth_assertions,
    roles,
    mappings,
    role_values,
    assignments,
    invitations,
    links,
    consents,
    sessions,
    sign_ins,
    hand_overs,
    imports,
    import_chunks,
    import_rows,
    import_faults,
)
GLOBAL_TABLES = (organizations, tokens, oauth_clients, idempotency_keys, deliveries)

# PostgreSQL shows and takes rows of the organization alone that a connection has named; see session.show_rows.
_OWN = "org_id = current_setting('app.org', true)"
for _table in TENANT_TABLES:
    for _statement in (
        f"CREATE POLICY organization ON {_table.name} USING ({_OWN}) WITH CHECK ({_OWN})",
        f"ALTER TABLE {_table.name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {_table.name} FORCE ROW LEVEL SECURITY",
    ):
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
        event.listen(_table, "after_create", _ddl.execute_if(dialect="postgresql"), propagate=True)
