"""What the API takes and answers, as marshmallow schemas: the documentation is made of these."""

from typing import Any

from marshmallow import fields, validate

from scim_server.protocol.portals import DEFAULT_PORTAL, LANGUAGES
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import ON_DELETE, ON_EXISTING, ON_INACTIVE
from scim_server.web.api.fields import (
    Body,
    Flag,
    Limit,
    Moment,
    choice,
    identifier,
    mailbox,
    name,
    slug,
    text,
    time_zone,
)


class PageQuery(Body):
    """The page of a list."""

    limit = Limit()
    cursor = text("Where the page starts: `next_cursor` of the page before; without, the list's beginning.", 4_000)


class PageOf(Body):
    """A page of a list; the Link header names the next one too (RFC 8288)."""

    next_cursor = fields.String(allow_none=True, required=True, metadata={"description": "null on the last page."})


def _portal(**options: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(1, 100), metadata={"description": "The name of its portal profile."}, **options
    )


_CONTACT = "A mailbox that members are shown in place of the addresses of their administrators."


class Organization(Body):
    """An organization, the customer of the portal."""

    id = identifier("Given by the server.", required=True)
    slug = slug("Its short name, in addresses; it does not change.", required=True)
    name = name("What people read.", required=True)
    status = choice(
        "`suspended` refuses its tokens; `deleting` refuses everything but to go on with that.",
        *("active", "suspended", "deleting"),
        required=True,
    )
    time_zone = time_zone(required=True)
    language = choice("The language of texts to its people.", *LANGUAGES, required=True)
    portal = fields.String(required=True, metadata={"description": "The name of its portal profile."})
    deputy_id = identifier(
        "The member who has the administrator's seat while no administrator has access.", required=True, allow_none=True
    )
    contact_email = mailbox(_CONTACT, required=True, allow_none=True)
    created_at = Moment(required=True)


class NewOrganization(Body):
    """An organization to create; it gets a connection `default`."""

    slug = slug("Its short name, in addresses; it does not change.", required=True)
    name = name("What people read.", required=True)
    time_zone = time_zone(load_default="UTC")
    language = choice("The language of texts to its people.", *LANGUAGES, load_default="en")
    portal = _portal(load_default=DEFAULT_PORTAL)


class OrganizationChanges(Body):
    """What is to change of an organization; what is left out stays."""

    name = name("What people read.")
    time_zone = time_zone()
    language = choice("The language of texts to its people.", *LANGUAGES)
    contact_email = mailbox(f"{_CONTACT} null for none.", allow_none=True)


class Confirmation(Body):
    """The slug of the organization that is deleted for good."""

    confirm = slug("Must be the slug of the organization.", required=True)


class Organizations(PageOf):
    """Organizations in the order of their slugs."""

    items = fields.List(fields.Nested(Organization()), required=True)


def _rules(**options: object) -> dict[str, fields.String]:
    return {
        "on_inactive": choice("What a POST of an inactive user's userName does.", *ON_INACTIVE, **options),
        "on_existing": choice("What a POST of the userName of somebody else's user does.", *ON_EXISTING, **options),
        "on_delete": choice("What a DELETE of a user leaves: nothing, or a tombstone.", *ON_DELETE, **options),
    }


_PROFILE = "How far requests may depart from the RFCs."
_Rules = Body.from_dict({**_rules()}, name="Rules")
_RequiredRules = Body.from_dict({**_rules(required=True)}, name="RequiredRules")


class Connection(_RequiredRules):  # type: ignore[misc, valid-type]  # made when imported
    """A connection: one identity provider or HR system of an organization."""

    id = identifier("Given by the server.", required=True)
    name = name("Unique in its organization.", required=True)
    profile = choice(_PROFILE, *sorted(PROFILES), required=True)
    enabled = Flag(required=True, metadata={"description": "Whether its tokens are taken."})
    created_at = Moment(required=True)


class NewConnection(_Rules):  # type: ignore[misc, valid-type]
    """A connection to create; its rules are the first of those accepted, where they are left out."""

    name = name("Unique in its organization.", required=True)
    profile = choice(_PROFILE, *sorted(PROFILES), load_default="lenient")


class ConnectionChanges(_Rules):  # type: ignore[misc, valid-type]
    """What is to change of a connection, on every worker within a second; what is left out stays."""

    profile = choice(_PROFILE, *sorted(PROFILES))
    enabled = Flag(metadata={"description": "Whether its tokens are taken."})


class Connections(PageOf):
    """Connections in the order of their names."""

    items = fields.List(fields.Nested(Connection()), required=True)


class Hour(Body):
    """What a connection sent in an hour."""

    hour = Moment(required=True, metadata={"description": "Its beginning."})
    requests = fields.Integer(required=True)
    errors = fields.Integer(required=True, metadata={"description": "Those answered with 400 or above."})


class Health(Body):
    """How a connection does: its last request and error, and how many of each there were; null where there was none."""

    last_request_at = Moment(allow_none=True, required=True)
    last_error_at = Moment(allow_none=True, required=True)
    last_error_status = fields.Integer(allow_none=True, required=True)
    last_error_detail = fields.String(allow_none=True, required=True)
    hours = fields.List(
        fields.Nested(Hour()),
        required=True,
        metadata={"description": "Hours with requests, newest first: those of the last 30 days."},
    )


class TrailQuery(PageQuery):
    """Which entries of the trail are listed."""

    resource = text("The id of what was changed.")
    actor = text("Who did it: the id of a token or user, or an operator's name.")
    action = text("What was done, such as `user.create`.")
    since = Moment(metadata={"description": "The first moment."})
    until = Moment(metadata={"description": "The moment after the last."})


class Entry(Body):
    """An entry of the trail: who did what to which resource, and what changed."""

    id = identifier("Given by the server; ids rise with time.", required=True)
    at = Moment(required=True)
    actor_kind = fields.String(required=True, metadata={"description": "token, user or operator."})
    actor_id = fields.String(required=True)
    connection_id = fields.String(allow_none=True, required=True)
    request_id = fields.String(allow_none=True, required=True)
    action = fields.String(required=True)
    resource_type = fields.String(allow_none=True, required=True)
    resource_id = fields.String(allow_none=True, required=True)
    changes = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "The former and the present value of each."}
    )


class Trail(PageOf):
    """Entries of the trail, newest first."""

    items = fields.List(fields.Nested(Entry()), required=True)


class UserCounts(Body):
    """How many users have access, and how many have not."""

    active = fields.Integer(required=True)
    inactive = fields.Integer(required=True)


class Activity(Body):
    """What is known of a connection's use."""

    id = identifier("That of the connection.", required=True)
    name = fields.String(required=True)
    enabled = Flag(required=True)
    live_tokens = fields.Integer(required=True, metadata={"description": "Neither revoked nor expired."})
    last_used_at = Moment(allow_none=True, required=True, metadata={"description": "To the minute."})


class Statistics(Body):
    """What an organization holds."""

    users = fields.Nested(UserCounts(), required=True)
    groups = fields.Integer(required=True)
    connections = fields.List(fields.Nested(Activity()), required=True)


class FieldError(Body):
    """What is wrong with one field: of the body by a JSON Pointer, else by the name of a parameter or header."""

    pointer = fields.String()
    parameter = fields.String()
    header = fields.String()
    detail = fields.String(required=True)


class Problem(Body):
    """An error (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldError()))
