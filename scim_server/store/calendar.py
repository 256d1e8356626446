"""The days of members as deliveries: due at midnight in the time zone of the organization."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from scim_server.protocol.member_dates import MemberDates
from scim_server.store.access_tables import deliveries
from scim_server.store.deliveries import cancel, schedule
from scim_server.store.session import Tenant
from scim_server.store.tables import organizations

START, END = "start", "end"
"""The kinds of its deliveries."""


def keep_dates(tenant: Tenant, user_id: str, former: MemberDates, present: MemberDates) -> None:
    """Write when a worker gives or ends the access of a user, where that has changed.

    A day that is past already is due at once.
    """
    zone = None
    for kind, before, day in ((START, former.start, present.start), (END, former.end, present.end)):
        if day == before:
            continue
        if day is None:
            cancel(tenant, kind, user_id)
        else:
            zone = zone or zone_of(tenant)
            schedule(tenant, kind, user_id, day=day.isoformat(), due_at=midnight(day, zone))


def zone_of(tenant: Tenant) -> ZoneInfo:
    """Return the time zone of the organization, which stays so until the transaction ends."""
    own = select(organizations.c.time_zone).where(organizations.c.id == tenant.org_id)
    return ZoneInfo(tenant.db.scalars(own.with_for_update(read=True)).one())


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins; where the clock leaves out its midnight, the moment at which it does."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def move_dates(tenant: Tenant, zone_name: str) -> None:
    """Let what is due on a day be due at its midnight in another time zone."""
    zone = ZoneInfo(zone_name)
    pending = (
        deliveries.c.org_id == tenant.org_id,
        deliveries.c.kind.in_((START, END)),
        deliveries.c.next_at.is_not(None),
    )
    for day in tenant.db.scalars(select(deliveries.c.day).where(*pending).distinct()).all():
        due_at = midnight(date.fromisoformat(day), zone)
        of_day = update(deliveries).where(*pending, deliveries.c.day == day)
        tenant.db.execute(of_day.values(due_at=due_at, next_at=due_at))
