"""Groups as the organization sees them: teams, roles and customer groups, whoever fills them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scim2_models import NotFoundException, UniquenessException
from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.comparison import attribute_key
from scim_server.store.id_sets import is_one_of
from scim_server.store.resources import COMPUTED_TYPE, GroupPlace
from scim_server.store.session import Tenant
from scim_server.store.tables import resources
from scim_server.store.trail import count

ROLE_NAMESPACE = "role"
CUSTOMER_GROUP_NAMESPACE = "customerGroup"
OWN_NAMESPACES = {"team": "", "role": ROLE_NAMESPACE, "customerGroup": CUSTOMER_GROUP_NAMESPACE}
"""The namespace of a group that no connection sees, by its kind; that of a sub-team is the id of its team."""


def connection_of(namespace: str, parent_id: str | None) -> str | None:
    """Return the connection that sees and fills a group, None where members are added by hand."""
    return None if namespace == parent_id or namespace in OWN_NAMESPACES.values() else namespace


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group; ``namespace`` says who sees it beside the organization: see :class:`GroupPlace`."""

    id: str
    kind: str
    display: str
    namespace: str
    parent_id: str | None
    version: int
    created_at: datetime
    created_by: str | None

    @property
    def connection_id(self) -> str | None:
        """The connection that sees and fills the group, None where members are added by hand."""
        return connection_of(self.namespace, self.parent_id)

    @property
    def is_pushed(self) -> bool:
        """Whether the connection that fills the group made it."""
        return self.connection_id is not None and self.connection_id == self.created_by


_COLUMNS = tuple(resources.c[name] for name in GroupRecord.__slots__)


def find_group(tenant: Tenant, group_id: str) -> GroupRecord | None:
    """Return a group of any kind, None where there is none of that id."""
    own = (resources.c.org_id == tenant.org_id, resources.c.id == group_id, COMPUTED_TYPE == "Group")
    row = tenant.db.execute(select(*_COLUMNS).where(*own)).first()
    return None if row is None else GroupRecord(*row)


def get_group(tenant: Tenant, group_id: str, *, kind: str | None = None, lock: bool = False) -> GroupRecord:
    """Return a group.

    :param kind: The only kind that is asked for.
    :param lock: Whether its row is held until the transaction ends.
    :raises NotFoundException: When the organization has none of that id and kind.
    """
    own = (resources.c.org_id == tenant.org_id, resources.c.id == group_id, COMPUTED_TYPE == "Group")
    found = select(*_COLUMNS).where(*own)
    row = tenant.db.execute(found.with_for_update(key_share=True) if lock else found).first()
    if row is None or (kind is not None and row.kind != kind):
        raise NotFoundException(detail=f"there is no {_NAMES.get(kind or '', 'group')} {group_id[:100]!r}")
    return GroupRecord(*row)


_NAMES = {"customerGroup": "customer group", "role": "role", "team": "team"}


def list_groups(
    tenant: Tenant, kind: str, *, text: str = "", is_top: bool = False, after: str = "", limit: int
) -> list[GroupRecord]:
    """Return groups of a kind in the order of their names: those after a group, at most so many.

    :param text: What their names contain.
    :param is_top: Whether sub-teams are left out.
    """
    conditions = [resources.c.org_id == tenant.org_id, resources.c.resource_type == "Group", resources.c.kind == kind]
    if is_top:
        conditions.append(resources.c.parent_id.is_(None))
    if text:
        unique = tenant.catalog.by_name("Group").unique_attribute
        assert unique is not None
        conditions.append(resources.c.unique_key.contains(attribute_key(text, unique), autoescape=True))
    if after:
        own = resources.alias("own")
        key = select(own.c.unique_key).where(own.c.org_id == tenant.org_id, own.c.id == after).scalar_subquery()
        name = resources.c.unique_key
        conditions.append(or_(name > key, and_(name == key, resources.c.id > after)))
    found = select(*_COLUMNS).where(*conditions).order_by(resources.c.unique_key, resources.c.id).limit(limit)
    return [GroupRecord(*row) for row in tenant.db.execute(found)]


def list_sub_teams(tenant: Tenant, team_ids: Sequence[str], *, limit: int) -> list[GroupRecord]:
    """Return the teams right below others in the order of their names, at most so many."""
    below = (resources.c.org_id == tenant.org_id, is_one_of(tenant, resources.c.parent_id, team_ids))
    found = select(*_COLUMNS).where(*below).order_by(resources.c.unique_key, resources.c.id).limit(limit)
    return [GroupRecord(*row) for row in tenant.db.execute(found)]


def has_sub_teams(tenant: Tenant, team_id: str) -> bool:
    """Return whether a team has sub-teams."""
    below = exists().where(resources.c.org_id == tenant.org_id, resources.c.parent_id == team_id)
    return bool(tenant.db.scalar(select(below)))


def move_group(tenant: Tenant, group: GroupRecord, place: GroupPlace) -> None:
    """Give a group whose row is held another place.

    :raises UniquenessException: When another group there has its name.
    """
    own = (resources.c.org_id == tenant.org_id, resources.c.id == group.id)
    try:
        tenant.db.execute(update(resources).where(*own).values(namespace=place.namespace, parent_id=place.parent_id))
    except IntegrityError as exc:
        if "unique_key" not in str(exc.orig):
            raise
        raise UniquenessException(
            attribute="displayName", detail=f"there is another {_NAMES[group.kind]} {group.display!r} there; rename one"
        ) from exc
    count(tenant, "Group", group.namespace, deleted=1)
    count(tenant, "Group", place.namespace, created=1)
