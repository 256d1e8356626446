"""Credentials: OAuth clients, authorization codes, assertions, and tokens of more than a connection."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "oauth_clients",
        sa.Column("id", KEY, nullable=False),
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("connection_id", KEY),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("auth_method", KEY, nullable=False),
        sa.Column("secret_digest", KEY),
        sa.Column("secret_key_id", KEY),
        sa.Column("previous_secret_digest", KEY),
        sa.Column("previous_secret_key_id", KEY),
        sa.Column("previous_secret_ends_at", MOMENT),
        sa.Column("jwks", JSON),
        sa.Column("jwks_uri", sa.Text()),
        sa.Column("issuer", KEY),
        sa.Column("subject", KEY),
        sa.Column("audience", KEY),
        sa.Column("redirect_uris", JSON, nullable=False),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("disabled_at", MOMENT),
        sa.CheckConstraint(
            "auth_method IN ('client_secret', 'private_key_jwt', 'federated')",
            name=op.f("ck_oauth_clients_auth_method"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_clients_organizations"),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_clients"),
        sa.UniqueConstraint("issuer", "subject", "audience", name="uq_oauth_clients_issuer"),
    )
    op.create_index("ix_oauth_clients_org_id", "oauth_clients", ["org_id", "id"])
    op.create_table(
        "oauth_codes",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("grant_id", KEY, nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("granted_by", KEY, nullable=False),
        sa.Column("redirect_uri", sa.Text()),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.Text()),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_codes_organizations"),
        sa.PrimaryKeyConstraint("org_id", "digest", name="pk_oauth_codes"),
    )
    op.create_table(
        "oauth_assertions",
        sa.Column("org_id", KEY, nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("jti_digest", KEY, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_oauth_assertions_organizations"),
        sa.PrimaryKeyConstraint("org_id", "client_id", "jti_digest", name="pk_oauth_assertions"),
    )
    with op.batch_alter_table("tokens") as batch:
        batch.alter_column("org_id", existing_type=KEY, nullable=True)
        batch.alter_column("connection_id", existing_type=KEY, nullable=True)
        batch.add_column(sa.Column("kind", KEY, server_default="static", nullable=False))
        batch.add_column(sa.Column("client_id", KEY))
        batch.add_column(sa.Column("grant_id", KEY))
        batch.add_column(sa.Column("replaces_id", KEY))
        batch.add_column(sa.Column("replaced_expires_at", MOMENT))
        batch.add_column(sa.Column("warned_days", sa.Integer()))
        batch.create_check_constraint(op.f("ck_tokens_kind"), "kind IN ('static', 'access', 'refresh')")
    op.create_index("ix_tokens_client_id", "tokens", ["org_id", "client_id"])
