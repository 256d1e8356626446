"""What the API takes and answers of members and groups, as marshmallow schemas."""

from typing import Any

from marshmallow import fields, validate

from scim_server.actions.members import ACCESSES
from scim_server.actions.permissions import Rights
from scim_server.actions.resources import MAX_PASSWORD_LENGTH
from scim_server.protocol.lifecycle import STATES
from scim_server.protocol.permissions import Edge, Holding
from scim_server.protocol.portals import SCOPES
from scim_server.web.api.fields import Body, Flag, Moment, Pattern, choice, identifier, text
from scim_server.web.api.schemas import PageOf
from scim_server.web.api.schemas import PageQuery as PageQuery

MAX_MEMBERS = 1_000
"""How many members one request adds."""

MAX_ROLES = 200
"""How many roles one request gives."""

KINDS = ("team", "role", "customerGroup")
_ATTRIBUTES = "The attributes that the SCIM schemas declare, extensions under their URNs (RFC 7643 §4)."
_FILTER = 'A filter of SCIM (RFC 7644 §3.4.2.2), such as `userName sw "a"`.'
_SEARCH = "A text that a name or an address holds, compared without case."
_PASSWORD = {"description": "Kept as a digest, and never shown."}
_STATE = "`contact` and `invited` have no access yet, `suspended` and `archived` none any more."


class MemberQuery(PageQuery):
    """Which members are listed, in the order of their ids."""

    filter = text(_FILTER)
    search = text(_SEARCH)
    state = choice(_STATE, *STATES)
    group = identifier("A team, role or customer group that they are in, directly or through a team.")


class GroupQuery(PageQuery):
    """Which groups are listed, in the order of their ids."""

    filter = text(_FILTER)
    search = text(_SEARCH)
    kind = choice("What they are.", *KINDS)


class _Resource(Body):
    id = identifier("Given by the server.", required=True)
    attributes = fields.Dict(keys=fields.String(), required=True, metadata={"description": _ATTRIBUTES})
    created_at = Moment(required=True)
    modified_at = Moment(required=True)
    created_by = fields.String(allow_none=True, required=True)
    changed_by = fields.String(allow_none=True, required=True)
    managed_by = fields.String(
        allow_none=True, required=True, metadata={"description": "The id of the connection that provisions it."}
    )


class GroupOfMember(Body):
    """A group that a member is in, directly or through a team."""

    id = identifier("That of the group.", required=True)
    display = fields.String(required=True)
    direct = Flag(required=True)


class Member(_Resource):
    """A member of an organization.

    Who created and changed them last is the id of a connection or a member, or else that of a token or an operator.
    """

    state = choice(_STATE, *STATES, required=True)
    active = Flag(required=True, metadata={"description": "Whether they have access."})
    groups = fields.List(fields.Nested(GroupOfMember()), required=True)
    warnings = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What the portal advises to mind, and does not refuse."},
    )


class Members(PageOf):
    """Members in the order of their ids."""

    items = fields.List(fields.Nested(Member()), required=True)
    total = fields.Integer(required=True, metadata={"description": "How many there are on all pages."})


def _roles(**options: Any) -> fields.List[Any]:
    description = "By their ids, or by the keys that the portal's profile gives them."
    role = fields.String(validate=validate.Length(1, 100))
    return fields.List(role, validate=validate.Length(0, MAX_ROLES), metadata={"description": description}, **options)


class NewMember(Body):
    """A member to create."""

    attributes = fields.Dict(keys=fields.String(), required=True, metadata={"description": _ATTRIBUTES})
    roles = _roles()
    access = choice(
        "Whether they are sent an invitation, have access at once, or none; left out, the portal's profile says.",
        *ACCESSES,
    )
    password = fields.String(validate=validate.Length(1, MAX_PASSWORD_LENGTH), load_only=True, metadata=_PASSWORD)


class MemberChanges(Body):
    """What is to change of a member: an attribute is replaced, or removed by null; what is left out stays."""

    attributes = fields.Dict(keys=fields.String(), metadata={"description": _ATTRIBUTES})
    active = Flag(metadata={"description": "false ends their access and keeps their record."})
    password = fields.String(
        validate=validate.Length(1, MAX_PASSWORD_LENGTH), allow_none=True, load_only=True, metadata=_PASSWORD
    )


class Tombstone(Body):
    """What is kept of somebody whom an identity provider deleted, where the portal never deletes."""

    id = identifier("That of the member.", required=True)
    attributes = fields.Dict(keys=fields.String(), required=True, metadata={"description": _ATTRIBUTES})
    created_at = Moment(required=True)
    deleted_at = Moment(required=True)
    deleted_by = fields.String(allow_none=True, required=True)


class Tombstones(PageOf):
    """Tombstones in the order of their ids."""

    items = fields.List(fields.Nested(Tombstone()), required=True)


class Deletion(Body):
    """What confirms a deletion for good."""

    confirm = text("The `userName` of the member, where the portal's profile asks for it.")


class RoleOfMember(Body):
    """A role given to a member."""

    id = identifier("That of the role.", required=True)
    display = fields.String(required=True)
    key = fields.String(allow_none=True, required=True, metadata={"description": "That of the portal's profile."})
    connection = identifier("The connection that fills the role.", allow_none=True, required=True)


class RolesOfMember(Body):
    """The roles given to a member one by one."""

    roles = fields.List(fields.Nested(RoleOfMember()), required=True)


class NewRolesOfMember(Body):
    """The roles that a member is to have."""

    roles = _roles(required=True)


class Step(Body):
    """One step from a member to a role: a group that they, or the group before, are in."""

    group = identifier("That of the group.", required=True)
    display = fields.String(required=True)
    kind = choice("What it is.", *KINDS, required=True)
    since = Moment(allow_none=True, required=True)
    mapping = identifier("The mapping that leads there.", allow_none=True, required=True)
    mapped_from = fields.String(
        allow_none=True, required=True, metadata={"description": "What the connection says that is mapped."}
    )
    connection = fields.String(allow_none=True, required=True, metadata={"description": "The name of who says so."})
    deputy = Flag(required=True, metadata={"description": "In place of an administrator, while there is none."})


class Reason(Body):
    """One way a permission came; `role` is null for what every member may."""

    scope = choice("How far it reaches.", *SCOPES, required=True)
    role = fields.String(allow_none=True, required=True)
    path = fields.List(fields.Nested(Step()), required=True)


class Permission(Body):
    """Something that a member may do."""

    permission = fields.String(required=True)
    scope = choice("How far it reaches at the widest.", *SCOPES, required=True)
    reasons = fields.List(fields.Nested(Reason()), required=True)


class Held(Body):
    """A role or customer group that a member has, however it came."""

    id = identifier("That of the group.", required=True)
    display = fields.String(required=True)
    key = fields.String(allow_none=True, required=True)
    external_id = fields.String(allow_none=True, required=True)


class AppOfMember(Body):
    """An application that the portal leads to."""

    key = fields.String(required=True)
    name = fields.Dict(keys=fields.String(), required=True, metadata={"description": "By language."})
    available = Flag(required=True, metadata={"description": "false where it is announced, and opens for nobody yet."})
    open = Flag(required=True, metadata={"description": "Whether it opens for the member."})


class Permissions(Body):
    """What a member may do, and through what; nothing without access."""

    state = choice(_STATE, *STATES, required=True)
    complete = Flag(
        required=True,
        metadata={"description": "false where a permission reaches customer groups, and the member has none."},
    )
    permissions = fields.List(fields.Nested(Permission()), required=True)
    roles = fields.List(fields.Nested(Held()), required=True)
    customer_groups = fields.List(fields.Nested(Held()), required=True)
    apps = fields.List(fields.Nested(AppOfMember()), required=True)


def rights_content(rights: Rights) -> dict[str, Any]:
    """Return what :class:`Permissions` answers."""
    return {
        "state": rights.state,
        "complete": rights.is_complete,
        "permissions": [
            {
                "permission": name,
                "scope": scope,
                "reasons": [
                    {
                        "scope": reason.scope,
                        "role": reason.holding.display if reason.holding else None,
                        "path": [step_content(edge) for edge in (reason.holding.path if reason.holding else ())],
                    }
                    for reason in rights.reasons[name]
                ],
            }
            for name, scope in rights.permissions.items()
        ],
        "roles": [_held(each) for each in rights.roles],
        "customer_groups": [_held(each) for each in rights.customer_groups],
        "apps": [
            {"key": app.key, "name": dict(app.name), "available": app.available, "open": is_open}
            for app, is_open in rights.apps
        ],
    }


def step_content(edge: Edge) -> dict[str, Any]:
    """Return what :class:`Step` answers."""
    return {
        "group": edge.group_id,
        "display": edge.display,
        "kind": edge.kind,
        "since": edge.since,
        "mapping": edge.mapping_id,
        "mapped_from": edge.mapped_from,
        "connection": edge.connection_name,
        "deputy": edge.is_deputy,
    }


def _held(holding: Holding) -> dict[str, Any]:
    return {
        "id": holding.group_id,
        "display": holding.display,
        "key": holding.template,
        "external_id": holding.external_id,
    }


def _object(description: str, **options: Any) -> fields.String:
    return fields.String(
        validate=Pattern(r"^[A-Za-z][A-Za-z0-9_-]{0,63}:[!-~]{1,200}$", error="must be TYPE:ID, such as order:4711"),
        metadata={"description": description},
        **options,
    )


_OBJECT = "`TYPE:ID` of an object of the portal, such as `order:4711`."


class AssignmentQuery(PageQuery):
    """Which open assignments are listed, in the order of their objects."""

    object = _object(_OBJECT)


class Assignment(Body):
    """An object of the portal that a member, team or customer group follows."""

    object_type = fields.String(required=True)
    object_id = fields.String(required=True)
    assignee_id = identifier("That of the member or group.", required=True)
    assigned_at = Moment(required=True)
    assigned_by = fields.String(required=True)


class Assignments(PageOf):
    """Open assignments in the order of their objects."""

    items = fields.List(fields.Nested(Assignment()), required=True)


class NewAssignments(Body):
    """An object to assign."""

    object = _object(_OBJECT, required=True)
    assignees = fields.List(
        identifier("That of a member, team or customer group."), required=True, validate=validate.Length(1, MAX_MEMBERS)
    )


class ClosedAssignment(Body):
    """An object of which nothing is left to do; for all, or for one assignee."""

    object = _object(_OBJECT, required=True)
    assignee = identifier("That of a member or group.")


class HandOver(Body):
    """Who takes over what is assigned to a member."""

    to = identifier("That of another member, who has access.", required=True)


class HandedOver(Body):
    """How much was handed over."""

    assignments = fields.Integer(required=True)


class Departure(Body):
    """What a member who leaves leaves to another."""

    hand_over_to = identifier("The member who takes over what is assigned to them.")


class CheckQuery(Body):
    """What is asked: a permission, and the object it would be used on."""

    permission = text("A permission of the portal's profile, such as `invoices:read`.", 200, required=True)
    object = _object("`TYPE:ID`, such as `order:4711`, or `customerGroup:` and the id of one.")


class Check(Body):
    """Whether a member may; `scope` is null where they lack the permission."""

    allowed = Flag(required=True)
    scope = choice("How far the permission reaches.", *SCOPES, allow_none=True, required=True)
    reason = fields.String(required=True)


class Group(_Resource):
    """A team, role or customer group; its members are listed by themselves."""

    kind = choice("What it is.", *KINDS, required=True)
    parent = identifier("The team that a team is part of.", allow_none=True, required=True)
    connection = identifier("The connection that sees and fills it.", allow_none=True, required=True)


class Groups(PageOf):
    """Groups in the order of their ids."""

    items = fields.List(fields.Nested(Group()), required=True)
    total = fields.Integer(required=True, metadata={"description": "How many there are on all pages."})


def _permissions(**options: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=choice("How far it reaches.", *SCOPES),
        metadata={"description": "Of a role: each permission of the portal's profile, with its scope."},
        **options,
    )


class NewGroup(Body):
    """A group to create."""

    attributes = fields.Dict(keys=fields.String(), required=True, metadata={"description": _ATTRIBUTES})
    kind = choice("What it is.", *KINDS, load_default="team")
    parent = identifier("The team that a team is part of.")
    permissions = _permissions()


class GroupChanges(Body):
    """What is to change of a group: an attribute is replaced, or removed by null; what is left out stays."""

    attributes = fields.Dict(keys=fields.String(), metadata={"description": _ATTRIBUTES})
    parent = identifier("The team that a team is part of from now on; null for none.", allow_none=True)
    permissions = _permissions()
    connection = identifier("The connection that sees and fills it from now on; null for none.", allow_none=True)


class MemberOfGroup(Body):
    """A member of a group."""

    id = identifier("That of the member or team.", required=True)
    type = fields.String(required=True, metadata={"description": "User or Group."})
    display = fields.String(allow_none=True, required=True)


class MembersOfGroup(PageOf):
    """Members in the order of their ids."""

    items = fields.List(fields.Nested(MemberOfGroup()), required=True)


class NewMembersOfGroup(Body):
    """Members to add; who is one already stays one."""

    members = fields.List(
        identifier("That of a member or team."), required=True, validate=validate.Length(1, MAX_MEMBERS)
    )


class Role(Body):
    """A role, and what it allows."""

    id = identifier("That of its group.", required=True)
    display = fields.String(required=True)
    key = fields.String(
        allow_none=True, required=True, metadata={"description": "That of the portal's profile; null for an own role."}
    )
    description = fields.Dict(keys=fields.String(), required=True, metadata={"description": "By language."})
    administrator = Flag(required=True)
    max_holders = fields.Integer(allow_none=True, required=True)
    connection = identifier("The connection that fills it.", allow_none=True, required=True)
    permissions = _permissions(required=True)
    warnings = fields.List(fields.String(), required=True)


class Roles(Body):
    """The roles of an organization, in the order of their names."""

    items = fields.List(fields.Nested(Role()), required=True)


class Mapping(Body):
    """What a connection says of people that gives them a role or a customer group."""

    id = identifier("Given by the server.", required=True)
    connection_id = identifier("The connection that says so.", required=True)
    source = choice("A group that it pushed, or a value of `roles`.", "group", "role", required=True)
    display = fields.String(required=True, metadata={"description": "The group, or the value."})
    group_id = identifier("The role or customer group that it gives.", required=True)
    created_at = Moment(required=True)
    created_by = fields.String(required=True)


class Mappings(PageOf):
    """Mappings in the order in which they were made."""

    items = fields.List(fields.Nested(Mapping()), required=True)


class NewMapping(Body):
    """A mapping to make."""

    connection = fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "Its id or its name."}
    )
    source = choice("A group that it pushed, or a value of `roles`.", "group", "role", required=True)
    value = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "The id or the exact name of the group, or the value."},
    )
    group = identifier("The role or customer group that it gives.", required=True)


class MappingChange(Body):
    """A change of mappings to look at first: one to make, one to remove, or both."""

    create = fields.Nested(NewMapping())
    remove = identifier("A mapping.")


class Effect(Body):
    """What a change gives one member and takes from them: permissions as `name@scope`, and customer groups."""

    member_id = identifier("That of the member.", required=True)
    display = fields.String(allow_none=True, required=True)
    gives = fields.List(fields.String(), required=True)
    takes = fields.List(fields.String(), required=True)


class Effects(Body):
    """What a change gives and takes, person by person; of many, the first thousand."""

    items = fields.List(fields.Nested(Effect()), required=True)
