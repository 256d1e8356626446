"""Organizations, the tenants of the server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.portals import DEFAULT_PORTAL
from scim_server.store.session import Platform, Tenant
from scim_server.store.tables import organizations

Status = Literal["active", "suspended", "deleting"]


class SlugTakenError(ValueError):
    """Another organization has that slug."""


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer; ``slug`` is its short name in addresses and on the command line.

    ``deleting`` refuses every request but the one that goes on with it; ``time_zone`` is a name of the IANA's,
    ``language`` that of texts to its people, ``portal`` the name of its portal profile, ``deputy_id`` who has the
    administrator's seat while no administrator has access, ``contact_email`` a mailbox shown in place of the
    administrators' addresses. ``seated_at`` is when an action first saw an administrator with access, None for never.
    """

    id: str
    slug: str
    name: str
    status: Status
    created_at: datetime
    time_zone: str = "UTC"
    language: str = "en"
    portal: str = DEFAULT_PORTAL
    deputy_id: str | None = None
    version: int = 1
    contact_email: str | None = None
    seated_at: datetime | None = None


_COLUMNS = tuple(organizations.c[name] for name in Organization.__slots__)
_CHANGED = ("name", "status", "time_zone", "language", "portal", "deputy_id", "contact_email", "version")


def insert_organization(platform: Platform, organization: Organization) -> None:
    """Store a new organization.

    :raises SlugTakenError: When the slug is taken.
    """
    values = {column.name: getattr(organization, column.name) for column in _COLUMNS}
    try:
        platform.db.execute(insert(organizations).values(values))
    except IntegrityError as exc:
        raise SlugTakenError(f"the slug {organization.slug!r} is taken") from exc


def list_organizations(
    platform: Platform, *, after: str = "", limit: int | None = None, beginning: str = ""
) -> list[Organization]:
    """Return organizations in the order of their slugs: those after a slug, at most so many.

    :param beginning: What their slug or their name begins with, in capitals or not.
    """
    following = select(*_COLUMNS).where(organizations.c.slug > after).order_by(organizations.c.slug)
    if beginning:
        lowered = beginning.lower()
        named = func.lower(organizations.c.name).startswith(lowered, autoescape=True)
        following = following.where(or_(organizations.c.slug.startswith(lowered, autoescape=True), named))
    return [Organization(*row) for row in platform.db.execute(following.limit(limit))]


def find_organization(platform: Platform, slug_or_id: str) -> Organization | None:
    """Return the organization with a slug or an id."""
    named = or_(organizations.c.slug == slug_or_id, organizations.c.id == slug_or_id)
    row = platform.db.execute(select(*_COLUMNS).where(named)).first()
    return None if row is None else Organization(*row)


def own_organization(tenant: Tenant, *, lock: bool) -> Organization | None:
    """Return the organization of the tenant, None where it was deleted a moment ago.

    :param lock: Whether its row is held until the transaction ends.
    """
    own = select(*_COLUMNS).where(organizations.c.id == tenant.org_id)
    # What refers to it can be stored meanwhile, as its key does not change.
    row = tenant.db.execute(own.with_for_update(key_share=True) if lock else own).first()
    return None if row is None else Organization(*row)


def update_organization(tenant: Tenant, organization: Organization) -> None:
    """Store what can change of the organization of the tenant."""
    values = {name: getattr(organization, name) for name in _CHANGED}
    tenant.db.execute(update(organizations).where(organizations.c.id == tenant.org_id).values(values))


def mark_seated(tenant: Tenant) -> None:
    """Remember that the organization of the tenant, whose row is held, has had an administrator with access."""
    tenant.db.execute(update(organizations).where(organizations.c.id == tenant.org_id).values(seated_at=tenant.now))
