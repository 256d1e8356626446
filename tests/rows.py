"""A row in each table of how members come to have access and what they may do, for what concerns all tables."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from scim_server.store.consents import keep_consents
from scim_server.store.deliveries import schedule
from scim_server.store.invitations import Invitation, put_invitation
from scim_server.store.links import make_link
from scim_server.store.member_sessions import insert_session
from scim_server.store.session import Tenant, new_id
from scim_server.store.tables import assignments, mappings, role_values
from tests.directory import KEY


def fill_access(tenant: Tenant, user_id: str) -> None:
    """Store an invitation, a link, a consent, a session with its sign-in, and a delivery of a user."""
    put_invitation(tenant, Invitation(user_id, "sent", "the tests", tenant.now))
    make_link(tenant, KEY, user_id, "invitation", tenant.now + timedelta(days=1))
    keep_consents(tenant, user_id, {"terms": "1"}, "portal")
    insert_session(tenant, KEY, user_id, None, None)
    # No worker knows what to do about it.
    schedule(tenant, "nothing", user_id)


def fill_roles(tenant: Tenant, user_id: str, group_id: str, connection_id: str) -> None:
    """Store a mapping, a value of `roles` and an assignment of a user; the organization has roles from its start."""
    said = {"connection_id": connection_id, "value": "buyer"}
    stamps: dict[str, Any] = {"created_at": tenant.now, "created_by": "the tests"}
    mapping = {"id": new_id(), "source": "role", "display": "Buyer", "group_id": group_id, **said, **stamps}
    assigned: dict[str, Any] = {"object_type": "order", "object_id": "4711", "assignee_id": user_id}
    assigned |= {"assigned_at": tenant.now, "assigned_by": "the tests"}
    for table, row in ((mappings, mapping), (role_values, {"resource_id": user_id, **said}), (assignments, assigned)):
        tenant.db.execute(insert(table).values(org_id=tenant.org_id, **row))
