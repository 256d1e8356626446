"""Members: users with their state, as the organization sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scim2_models import NotFoundException
from sqlalchemy import ColumnElement, select, update

from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.lifecycle import State
from scim_server.store.emails import may_have_email
from scim_server.store.resources import COMPUTED_ID, COMPUTED_TYPE
from scim_server.store.session import Tenant
from scim_server.store.tables import resources


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A user as the organization sees them; ``managed_by`` is the connection that provisions them."""

    id: str
    state: State
    document: str
    display: str | None
    version: int
    created_at: datetime
    modified_at: datetime
    created_by: str | None
    changed_by: str | None
    managed_by: str | None


_COLUMNS = tuple(resources.c[name] for name in MemberRecord.__slots__)


def get_member(tenant: Tenant, member_id: str, *, lock: bool = False) -> MemberRecord:
    """Return a member.

    :param lock: Whether the row is held until the transaction ends.
    :raises NotFoundException: When the organization has none of that id.
    """
    member = find_member(tenant, member_id, lock=lock)
    if member is None:
        raise NotFoundException(detail=f"there is no member {member_id[:100]!r}")
    return member


def find_member(tenant: Tenant, member_id: str, *, lock: bool = False) -> MemberRecord | None:
    """Return a member; see :func:`get_member`."""
    found = select(*_COLUMNS).where(
        resources.c.org_id == tenant.org_id, resources.c.id == member_id, COMPUTED_TYPE == "User"
    )
    row = tenant.db.execute(found.with_for_update(key_share=True) if lock else found).first()
    return None if row is None else MemberRecord(*row)


def list_named(tenant: Tenant, name: str, limit: int) -> Sequence[MemberRecord]:
    """Return the members with a ``userName``, else those with an e-mail address, at most so many."""
    user = tenant.catalog.by_name("User")
    unique, address = user.unique_attribute, user.attributes["emails"].sub_attributes["value"]
    assert unique is not None
    of_name = resources.c.unique_key == attribute_key(name, unique)
    for condition in (of_name, may_have_email(tenant, attribute_key(name, address))):
        found = select(*_COLUMNS).where(resources.c.org_id == tenant.org_id, condition, COMPUTED_TYPE == "User")
        rows = tenant.db.execute(found.order_by(COMPUTED_ID).limit(limit)).all()
        if rows:
            return [MemberRecord(*row) for row in rows]
    return []


def list_some(tenant: Tenant, *conditions: ColumnElement[bool], after: str, limit: int) -> Sequence[MemberRecord]:
    """Return members in the order of their ids: those after an id that satisfy conditions on ``resources``."""
    following = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "User", resources.c.id > after)
    page = select(*_COLUMNS).where(*following, *conditions).order_by(resources.c.id).limit(limit)
    return [MemberRecord(*row) for row in tenant.db.execute(page)]


def list_all(tenant: Tenant, state: State | None = None) -> list[MemberRecord]:
    """Return the members of the organization in the order of their ids, all or those in a state."""
    of_type = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "User")
    found = select(*_COLUMNS).where(*of_type, *((resources.c.state == state,) if state else ()))
    return [MemberRecord(*row) for row in tenant.db.execute(found.order_by(resources.c.id))]


def set_state(tenant: Tenant, member: MemberRecord, state: State) -> MemberRecord:
    """Give a member whose row is held another state; ``active`` follows from it.

    What was opened while they had access, such as a session, is closed for good when it ends.
    """
    if state == member.state:
        return member
    values = {
        "state": state,
        "active": state == "active",
        "version": member.version + 1,
        "modified_at": tenant.now,
        "changed_by": tenant.author,
    }
    if member.state == "active":
        values["access_ended_at"] = tenant.now
    tenant.db.execute(
        update(resources).where(resources.c.org_id == tenant.org_id, resources.c.id == member.id).values(values)
    )
    return replace(member, state=state, version=member.version + 1, modified_at=tenant.now, changed_by=tenant.author)
