"""The tables behind the limit of the stack."""

from scim_server.store.session import Store, begin_platform

SQLITE_PREFIX = "sqlite:///"


def create_limit_tables(store: Store, org_id: str) -> None:
    """Make the limit's tables in a loaded database: the documents of an organization's users, and an empty one."""
    with begin_platform(store, write=True) as platform:
        mark = "%s" if platform.db.dialect.name == "postgresql" else "?"
        for table in ("limit_documents", "limit_created"):
            platform.db.exec_driver_sql(f"CREATE TABLE {table} (id text PRIMARY KEY, document text NOT NULL)")
        platform.db.exec_driver_sql(
            "INSERT INTO limit_documents SELECT id, document FROM resources "
            f"WHERE org_id = {mark} AND resource_type = 'User'",
            (org_id,),
        )
