"""The invitations of members: the last one of each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.protocol.lifecycle import State
from scim_server.store.access_tables import invitations
from scim_server.store.session import Tenant
from scim_server.store.tables import resources

Outlook = Literal["pending", "expired", "failed"]
"""What can have become of an invitation that is neither accepted nor withdrawn."""

OUTLOOKS: tuple[Outlook, ...] = get_args(Outlook)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as it is kept; ``failure`` is why it could not be sent."""

    user_id: str
    status: str
    invited_by: str
    invited_at: datetime
    sent_at: datetime | None = None
    expires_at: datetime | None = None
    failure: str | None = None

    def status_at(self, now: datetime, state: State) -> str:
        """Return what has become of it: also ``expired``, and ``revoked`` once its member is not invited any more."""
        if self.status == "accepted":
            return self.status
        if state != "invited":
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else self.status


_COLUMNS = tuple(invitations.c[name] for name in Invitation.__slots__)


def put_invitation(tenant: Tenant, invitation: Invitation) -> None:
    """Keep an invitation in place of the one before."""
    values = {name: getattr(invitation, name) for name in Invitation.__slots__}
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    tenant.db.execute(
        dialect.insert(invitations)
        .values(org_id=tenant.org_id, **values)
        .on_conflict_do_update(index_elements=["org_id", "user_id"], set_=values)
    )


def find_invitation(tenant: Tenant, user_id: str) -> Invitation | None:
    """Return the last invitation of a member."""
    of_user = (invitations.c.org_id == tenant.org_id, invitations.c.user_id == user_id)
    row = tenant.db.execute(select(*_COLUMNS).where(*of_user)).first()
    return None if row is None else Invitation(*row)


def change_invitation(tenant: Tenant, user_id: str, **values: Any) -> None:
    """Keep what has become of a member's invitation, where there is one."""
    of_user = (invitations.c.org_id == tenant.org_id, invitations.c.user_id == user_id)
    tenant.db.execute(update(invitations).where(*of_user).values(values))


def list_invitations(
    tenant: Tenant, outlook: Outlook, *, before: str | None, limit: int
) -> list[tuple[Invitation, str | None]]:
    """Return invitations that somebody may still accept or be sent anew, those of the newest members first.

    :param before: The member whose invitation the page before ended with.
    :return: Each with what its member is called.
    """
    conditions = [invitations.c.org_id == tenant.org_id, resources.c.state == "invited"]
    if outlook == "failed":
        conditions.append(invitations.c.status == "failed")
    else:
        ends = invitations.c.expires_at
        conditions.append(invitations.c.status.in_(("pending", "sent")))
        conditions.append(ends <= tenant.now if outlook == "expired" else or_(ends.is_(None), ends > tenant.now))
    if before is not None:
        conditions.append(invitations.c.user_id < before)
    member = and_(resources.c.org_id == tenant.org_id, resources.c.id == invitations.c.user_id)
    found = select(*_COLUMNS, resources.c.display).join(resources, member).where(*conditions)
    rows = tenant.db.execute(found.order_by(invitations.c.user_id.desc()).limit(limit))
    return [(Invitation(*row[:-1]), row[-1]) for row in rows]
