"""Which version of the tables a database has; told without Alembic, which the server need not load."""

from sqlalchemy import column, inspect, select, table

from scim_server.store.session import Store, begin_platform

NEWEST = "0012"
"""The newest of the migrations."""

_version = table("alembic_version", column("version_num"))


def is_current(store: Store) -> bool:
    """Return whether the database has the newest version."""
    with begin_platform(store, write=False) as platform:
        if not inspect(platform.db).has_table(_version.name):
            return False
        return platform.db.scalars(select(_version.c.version_num)).all() == [NEWEST]
