"""The members of groups and the groups of users, as filters and orders read them from memberships."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, and_, case, exists, func, literal, select

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import comparison_key
from scim_server.store.json_paths import Scalar, bind_text, json_paths
from scim_server.store.session import Tenant
from scim_server.store.tables import memberships, resources
from scim_server.store.visibility import visible_groups

# NB: made once, since SQLAlchemy copies every column of a table for an alias. Each name stands for one
# row in one subquery; no statement outside this file uses them.
_membership = memberships.alias("membership")
_direct = memberships.alias("direct")
_nested = memberships.alias("nested")
_member = resources.alias("member_row")
_group = resources.alias("group_row")
_start = resources.alias("start_row")
_next = resources.alias("next_row")

SubAttributes = Mapping[str, Callable[[AttributeDefinition], Scalar]]


@dataclass(frozen=True, slots=True)
class Relation:
    """The elements of a computed attribute as rows, over all resources of the organization.

    ``owner_id`` is the resource that has the element, ``element_id`` the ``value`` of the element;
    ``sub_attributes`` are those that have a value in SQL.
    """

    source: FromClause
    condition: ColumnElement[bool]
    owner_id: ColumnElement[str]
    element_id: ColumnElement[str]
    sub_attributes: SubAttributes

    def owners(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return whether one element of the resource at hand satisfies a condition."""
        # NB: IN, not EXISTS: SQLite starts from the resources for EXISTS, whatever index the condition has.
        chosen = select(self.owner_id).select_from(self.source).where(self.condition, condition)
        return resources.c.id.in_(chosen)

    def first(self, value: ColumnElement[str]) -> ScalarSelect[str]:
        """Return a value of the element of the resource at hand that is shown first."""
        return (
            select(value)
            .select_from(self.source)
            .where(self.condition, self.owner_id == resources.c.id)
            .order_by(self.element_id)
            .limit(1)
            .correlate(resources)
            .scalar_subquery()
        )


def member_sub_attributes(
    tenant: Tenant, row: FromClause, read: Callable[[ColumnElement[str]], ColumnElement[str]]
) -> SubAttributes:
    """Return the sub-attributes of ``members`` that have a value in SQL (RFC 7643 §4.2).

    :param row: ``resources`` or an alias of it, the row of the member.
    :param read: Makes of an expression over that row one that can stand where the filter does.
    """
    return {
        "value": lambda _: Scalar(row.c.id, bind_text),
        "type": lambda attribute: Scalar(read(_type_key(tenant, row, attribute)), bind_text),
        "display": lambda _: Scalar(read(_display_key(tenant, row)), bind_text),
    }


def _type_key(tenant: Tenant, row: FromClause, attribute: AttributeDefinition) -> ColumnElement[str]:
    keys = {
        each.name: comparison_key(each.name, case_exact=attribute.case_exact) for each in tenant.catalog.definitions
    }
    return case(keys, value=row.c.resource_type, else_=row.c.resource_type)


def _display_key(tenant: Tenant, row: FromClause) -> ColumnElement[str]:
    """Return the key of what a person reads for a resource, as ``documents.display_of`` chooses it."""
    paths, text = json_paths(tenant), AttributeDefinition("display")
    names = [paths.scalar(row.c.folded, path, text) for path in (("displayName",), ("name", "formatted"))]
    return func.coalesce(
        *(func.nullif(each.expression, "") for each in names), func.nullif(row.c.unique_key, ""), row.c.id
    )


def members_relation(tenant: Tenant) -> Relation:
    """Return the members of groups."""

    def read(value: ColumnElement[str]) -> ColumnElement[str]:
        return (
            select(value)
            .select_from(_member)
            .where(_member.c.org_id == tenant.org_id, _member.c.id == _membership.c.member_id)
            .correlate(_membership)
            .scalar_subquery()
        )

    member_id = _membership.c.member_id
    return Relation(
        source=_membership,
        condition=_membership.c.org_id == tenant.org_id,
        owner_id=_membership.c.group_id,
        element_id=member_id,
        sub_attributes={
            **member_sub_attributes(tenant, _member, read),
            # The row of a member is needed for the rest alone.
            "value": lambda _: Scalar(member_id, bind_text),
        },
    )


def has_members(tenant: Tenant) -> ColumnElement[bool]:
    """Return whether the group at hand has a member."""
    return exists(
        select(literal(1))
        .select_from(_membership)
        .where(_membership.c.org_id == tenant.org_id, _membership.c.group_id == resources.c.id)
        .correlate(resources)
    )


def groups_relation(tenant: Tenant, group_id: str | None = None) -> Relation:
    """Return the groups of users that the tenant sees, direct and indirect (RFC 7643 §4.1.2).

    :param group_id: The only group of interest, if there is one.
    """
    # What is asked of one group is answered from the groups below it; else all nesting is walked.
    passed = _groups_above(tenant) if group_id is None else _groups_below(tenant, group_id)
    user_id, shown_id = _membership.c.member_id, passed.c.above_id
    is_direct = exists(
        select(literal(1))
        .select_from(_direct)
        .where(_direct.c.org_id == tenant.org_id, _direct.c.group_id == shown_id, _direct.c.member_id == user_id)
        .correlate(_membership, passed)
    )
    display = (
        select(_group.c.unique_key)
        .where(_group.c.org_id == tenant.org_id, _group.c.id == shown_id)
        .correlate(passed)
        .scalar_subquery()
    )
    return Relation(
        source=passed.join(_membership, _membership.c.group_id == passed.c.group_id),
        condition=_membership.c.org_id == tenant.org_id,
        owner_id=user_id,
        element_id=shown_id,
        sub_attributes={
            "value": lambda _: Scalar(shown_id, bind_text),
            "display": lambda _: Scalar(display, bind_text),
            "type": lambda _: Scalar(case((is_direct, "direct"), else_="indirect"), bind_text),
        },
    )


def _seen_group(tenant: Tenant, row: FromClause) -> ColumnElement[bool]:
    names = [each.name for each in tenant.catalog.definitions if each.is_group]
    return and_(row.c.org_id == tenant.org_id, row.c.resource_type.in_(names), visible_groups(tenant, row))


def _groups_above(tenant: Tenant) -> FromClause:
    """Return each group of the organization with itself and every group it is nested in."""
    passed = (
        select(_start.c.id.label("group_id"), _start.c.id.label("above_id"))
        .where(_seen_group(tenant, _start))
        .cte(recursive=True)
    )
    # UNION drops the pairs already found, so a cycle of groups ends where it closes.
    return passed.union(
        select(passed.c.group_id, _nested.c.group_id)
        .join_from(passed, _nested, _nested.c.member_id == passed.c.above_id)
        .join(_next, _next.c.id == _nested.c.group_id)
        .where(_nested.c.org_id == tenant.org_id, _seen_group(tenant, _next))
    )


def _groups_below(tenant: Tenant, group_id: str) -> FromClause:
    """Return one group with itself and every group nested in it; its cost is theirs alone."""
    passed = (
        select(_start.c.id.label("group_id"), _start.c.id.label("above_id"))
        .where(_start.c.id == group_id, _seen_group(tenant, _start))
        .cte(recursive=True)
    )
    return passed.union(
        select(_nested.c.member_id, passed.c.above_id)
        .join_from(passed, _nested, _nested.c.group_id == passed.c.group_id)
        .join(_next, _next.c.id == _nested.c.member_id)
        .where(_nested.c.org_id == tenant.org_id, _seen_group(tenant, _next))
    )


def has_groups(tenant: Tenant) -> ColumnElement[bool]:
    """Return whether the user at hand is in a group: in one at least directly."""
    return exists(
        select(literal(1))
        .select_from(_membership.join(_group, _group.c.id == _membership.c.group_id))
        .where(
            _membership.c.org_id == tenant.org_id,
            _membership.c.member_id == resources.c.id,
            _seen_group(tenant, _group),
        )
        .correlate(resources)
    )


def is_relation(definition: ResourceDefinition, attribute: AttributeDefinition) -> bool:
    """Return whether an attribute of the base schema is read from memberships, not from the document."""
    return attribute.name == "members" if definition.is_group else definition.is_user and attribute.name == "groups"
