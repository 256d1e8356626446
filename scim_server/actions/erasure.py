"""Erasing who a person was, on request, where their record stays (GDPR, article 17); and tombstones.

What is left has no name: the record, under a name made of its id, and in the trail what was done when by whom, without
what it said.
"""

import orjson
from scim2_models import ConflictException

from scim_server.actions.authority import guarded
from scim_server.protocol.documents import Document, with_schemas
from scim_server.store.erasure import Tombstone, delete_tombstone, forget, get_tombstone, write_tombstone
from scim_server.store.members import MemberRecord, get_member, set_state
from scim_server.store.resources import insert_resource, lock_resource, update_resource
from scim_server.store.session import Tenant
from scim_server.store.trail import record


def erase_member(tenant: Tenant, member_id: str) -> MemberRecord:
    """Erase who an archived member was.

    :raises ConflictException: When the member is not archived.
    """
    definition = tenant.catalog.by_name("User")
    with guarded(tenant):
        member = get_member(tenant, member_id, lock=True)
        if member.state != "archived":
            raise ConflictException(
                detail=f"the member is {member.state}; archive them first, then erase who they were"
            )
        update_resource(
            tenant, definition, lock_resource(tenant, definition, member_id), _nobody(tenant, member_id), False
        )
        forget(tenant, member_id)
        record(tenant, "user.erase", "User", member_id, {})
    return get_member(tenant, member_id)


def erase_tombstone(tenant: Tenant, member_id: str) -> Tombstone:
    """Erase who a member was whom an identity provider deleted.

    :raises NotFoundException: When there is no tombstone of that id.
    """
    get_tombstone(tenant, member_id)
    write_tombstone(tenant, member_id, orjson.dumps(_nobody(tenant, member_id)).decode())
    forget(tenant, member_id)
    record(tenant, "user.erase", "User", member_id, {})
    return get_tombstone(tenant, member_id)


def restore_tombstone(tenant: Tenant, member_id: str) -> MemberRecord:
    """Make a member of a tombstone again: archived, with what was known of them, and in no group.

    :raises NotFoundException: When there is no tombstone of that id.
    :raises UniquenessException: When another member has their ``userName`` by now.
    """
    found = get_tombstone(tenant, member_id)
    definition = tenant.catalog.by_name("User")
    with guarded(tenant):
        delete_tombstone(tenant, member_id)
        insert_resource(tenant, definition, member_id, orjson.loads(found.document), False)
        member = set_state(tenant, get_member(tenant, member_id, lock=True), "archived")
        record(tenant, "user.restore", "User", member_id, {"state": {"to": "archived"}})
    return member


def _nobody(tenant: Tenant, member_id: str) -> Document:
    """Return the document of a person of whom nothing is known."""
    return with_schemas({"userName": f"erased-{member_id}"}, tenant.catalog.by_name("User"))
