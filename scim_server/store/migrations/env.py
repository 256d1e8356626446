"""Runs the migrations inside one transaction, on the database the caller names."""

from alembic import context
from sqlalchemy import create_engine, event, pool

from scim_server.store.migrate import driver_url
from scim_server.store.tables import resources

engine = create_engine(driver_url(context.config.attributes["url"]), poolclass=pool.NullPool)

if engine.dialect.name == "sqlite":
    # The driver would commit before each DDL statement; a migration is one transaction.
    @event.listens_for(engine, "connect")
    def _leave_begin_to_us(connection, _record):  # type: ignore[no-untyped-def]  # called by SQLAlchemy
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection):  # type: ignore[no-untyped-def]  # called by SQLAlchemy
        connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.begin() as connection:
    if engine.dialect.name == "postgresql":
        # Two servers that start at once migrate one after the other.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7643764400)")
        # A migration that reads or changes rows of a tenant table fails, instead of finding none, unless it lifts
        # FORCE ROW LEVEL SECURITY from the table until it is done.
        connection.exec_driver_sql("SET LOCAL row_security = off")
    context.configure(connection=connection, target_metadata=resources.metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
