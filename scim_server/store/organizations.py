"""Organizations, the tenants of the server."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from scim_server.store.session import Platform
from scim_server.store.tables import organizations


class SlugTakenError(ValueError):
    """Another organization has that slug."""


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer; ``slug`` is its short name in addresses and on the command line."""

    id: str
    slug: str
    name: str
    status: str
    created_at: datetime


_COLUMNS = (
    organizations.c.id,
    organizations.c.slug,
    organizations.c.name,
    organizations.c.status,
    organizations.c.created_at,
)


def insert_organization(platform: Platform, organization: Organization) -> None:
    """Store a new organization.

    :raises SlugTakenError: When the slug is taken.
    """
    values = {column.name: getattr(organization, column.name) for column in _COLUMNS}
    try:
        platform.db.execute(insert(organizations).values(values))
    except IntegrityError as exc:
        raise SlugTakenError(f"the slug {organization.slug!r} is taken") from exc


def list_organizations(platform: Platform) -> list[Organization]:
    """Return all organizations in the order of their slugs."""
    rows = platform.db.execute(select(*_COLUMNS).order_by(organizations.c.slug))
    return [Organization(*row) for row in rows]


def find_organization(platform: Platform, slug: str) -> Organization | None:
    """Return the organization with a slug."""
    row = platform.db.execute(select(*_COLUMNS).where(organizations.c.slug == slug)).first()
    return None if row is None else Organization(*row)
