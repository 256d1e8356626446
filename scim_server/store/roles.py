"""Roles: groups that allow their members something, by a template of the portal profile or by what they list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scim2_models import NotFoundException
from sqlalchemy import and_, func, insert, select, update

from scim_server.store.session import Tenant
from scim_server.store.tables import memberships, resources, roles


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """A role of the organization; ``permissions`` are those of its own, None where it follows a template.

    ``namespace`` is the connection that fills it, or ``role`` where none does.
    """

    id: str
    display: str
    namespace: str
    template: str | None
    permissions: Mapping[str, Any] | None
    version: int

    @property
    def connection_id(self) -> str | None:
        """The connection that fills the role, None where it is given by hand."""
        return None if self.namespace == "role" else self.namespace


_JOINED = and_(roles.c.org_id == resources.c.org_id, roles.c.group_id == resources.c.id)
_COLUMNS = (
    resources.c.id,
    resources.c.display,
    resources.c.namespace,
    roles.c.template,
    roles.c.permissions,
    resources.c.version,
)


def list_roles(tenant: Tenant) -> list[RoleRecord]:
    """Return the roles of the organization in the order of their names."""
    found = select(*_COLUMNS).join(resources, _JOINED).where(roles.c.org_id == tenant.org_id)
    rows = tenant.db.execute(found.where(resources.c.org_id == tenant.org_id).order_by(resources.c.display))
    return [RoleRecord(*row) for row in rows]


def get_role(tenant: Tenant, role_id: str) -> RoleRecord:
    """Return a role.

    :raises NotFoundException: When the organization has none of that id.
    """
    found = find_role(tenant, role_id)
    if found is None:
        raise NotFoundException(detail=f"there is no role {role_id[:100]!r}")
    return found


def find_role(tenant: Tenant, role_id: str) -> RoleRecord | None:
    """Return the role that a group is, None where it is none."""
    own = (roles.c.org_id == tenant.org_id, resources.c.org_id == tenant.org_id, roles.c.group_id == role_id)
    row = tenant.db.execute(select(*_COLUMNS).join(resources, _JOINED).where(*own)).first()
    return None if row is None else RoleRecord(*row)


def roles_of(tenant: Tenant, member_id: str) -> list[RoleRecord]:
    """Return the roles that a member or team was given itself."""
    own = (roles.c.org_id == tenant.org_id, resources.c.org_id == tenant.org_id, memberships.c.org_id == tenant.org_id)
    held = select(*_COLUMNS).join(resources, _JOINED).join(memberships, memberships.c.group_id == roles.c.group_id)
    rows = tenant.db.execute(held.where(*own, memberships.c.member_id == member_id).order_by(resources.c.display))
    return [RoleRecord(*row) for row in rows]


def have_roles(tenant: Tenant, member_ids: Sequence[str], at_least: int) -> bool:
    """Return whether one of these members and teams was itself given so many roles."""
    own = (roles.c.org_id == tenant.org_id, memberships.c.org_id == tenant.org_id)
    held = select(memberships.c.member_id).join(roles, memberships.c.group_id == roles.c.group_id)
    several = held.where(*own, memberships.c.member_id.in_(member_ids)).group_by(memberships.c.member_id)
    return tenant.db.execute(several.having(func.count() >= at_least).limit(1)).first() is not None


def insert_role(tenant: Tenant, group_id: str, template: str | None, permissions: Mapping[str, str] | None) -> None:
    """Make a group a role."""
    own = {"template": template, "permissions": permissions}
    tenant.db.execute(insert(roles).values(org_id=tenant.org_id, group_id=group_id, **own))


def update_role(tenant: Tenant, group_id: str, permissions: Mapping[str, str]) -> None:
    """Give a role of the organization's own other permissions, and no template any more."""
    own = (roles.c.org_id == tenant.org_id, roles.c.group_id == group_id)
    tenant.db.execute(update(roles).where(*own).values(template=None, permissions=dict(permissions)))


def follow_template(tenant: Tenant, group_id: str, template: str) -> None:
    """Let a role follow another template than it did."""
    own = (roles.c.org_id == tenant.org_id, roles.c.group_id == group_id)
    tenant.db.execute(update(roles).where(*own).values(template=template))


def role_ids_of(tenant: Tenant, templates: Sequence[str]) -> list[str]:
    """Return the ids of the roles that follow templates."""
    following = (roles.c.org_id == tenant.org_id, roles.c.template.in_(templates))
    return list(tenant.db.scalars(select(roles.c.group_id).where(*following).order_by(roles.c.group_id)))
