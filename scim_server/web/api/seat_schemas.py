"""What the API takes and answers of the administrator's seat, hand-overs, portal profiles and the access review."""

from typing import Any

from marshmallow import fields, validate

from scim_server.actions.access_review import Reviewed, held_since
from scim_server.actions.hand_overs import MAX_EVIDENCE_BYTES
from scim_server.actions.seat import Seat as SeatFound
from scim_server.protocol.lifecycle import STATES
from scim_server.protocol.portals import SCOPES, PortalProfile
from scim_server.store.hand_overs import HandOver
from scim_server.web.api.fields import Body, Flag, Moment, Pattern, choice, identifier, text
from scim_server.web.api.member_schemas import Step, step_content
from scim_server.web.api.schemas import PageOf

_KINDS = ("designation", "hand_over", "recovery")
_STATUSES = ("requested", "approved", "rejected", "withdrawn")
_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"
_MEDIA_TYPE = r"^[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*$"
# Lines, but no other control characters, of which U+0000 cannot be stored.
_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_BY_LANGUAGE = {"description": "By language."}


def _lines(description: str, **options: Any) -> fields.String:
    checks = [
        validate.Length(1, 2_000),
        Pattern(_LINES, error="must be text without control characters, and not blank"),
    ]
    return fields.String(validate=checks, metadata={"description": description}, **options)


class Evidence(Body):
    """A file that shows what was agreed, such as a signed letter."""

    name = text("The name of the file.", 200, required=True)
    type = fields.String(
        required=True,
        validate=[validate.Length(3, 100), Pattern(_MEDIA_TYPE, error="must be a media type, such as application/pdf")],
        metadata={"description": "Its media type, such as `application/pdf`."},
    )
    content = fields.String(
        required=True,
        validate=[
            validate.Length(4, (MAX_EVIDENCE_BYTES + 2) // 3 * 4),
            Pattern(_BASE64, error="must be base64 (RFC 4648 §4)"),
        ],
        metadata={"description": f"At most {MAX_EVIDENCE_BYTES} bytes, in base64 (RFC 4648 §4)."},
    )


class DescribedEvidence(Body):
    """A file that shows what was agreed, without its content."""

    name = fields.String(required=True)
    type = fields.String(required=True)
    sha256 = fields.String(required=True, metadata={"description": "Of its content, in hexadecimal."})


class SeatRequest(Body):
    """A request that a member gets the administrator's seat."""

    id = identifier("Given by the server.", required=True)
    kind = choice(
        "`designation` of an administrator, `hand_over` by one, or `recovery` of a seat that was lost.",
        *_KINDS,
        required=True,
    )
    role = fields.String(required=True, metadata={"description": "The key of the role."})
    from_member = identifier("Who gives the seat up.", allow_none=True, required=True)
    to_member = identifier("Who gets it.", required=True)
    reason = fields.String(required=True)
    evidence = fields.Nested(DescribedEvidence(), allow_none=True, required=True)
    status = choice("What became of it.", *_STATUSES, required=True)
    requested_by = fields.String(required=True, metadata={"description": "The id of a member or token, or a name."})
    requested_at = Moment(required=True)
    decided_by = fields.String(allow_none=True, required=True)
    decided_at = Moment(allow_none=True, required=True)
    note = fields.String(allow_none=True, required=True)


class SeatRequests(PageOf):
    """Requests for the administrator's seat, newest first."""

    items = fields.List(fields.Nested(SeatRequest()), required=True)


class NewSeatRequest(Body):
    """A request that a member gets the administrator's seat; the operator decides, with its evidence."""

    to_member = identifier("Who gets it.", required=True)
    from_member = identifier("Who gives it up; left out where nobody does.")
    role = text("The key of the role, where the portal's profile has several administrators'.", 100)
    reason = _lines("Why, for the operator to read.", required=True)
    evidence = fields.Nested(Evidence())


class Decision(Body):
    """What the operator says of a request."""

    note = _lines("Why, for the organization to read.", allow_none=True)


def request_content(found: HandOver) -> dict[str, Any]:
    """Return what :class:`SeatRequest` answers."""
    evidence = {"name": found.evidence_name, "type": found.evidence_type, "sha256": found.evidence_digest}
    return {
        "id": found.id,
        "kind": found.kind,
        "role": found.role,
        "from_member": found.from_user_id,
        "to_member": found.to_user_id,
        "reason": found.reason,
        "evidence": evidence if found.evidence_digest else None,
        "status": found.status,
        "requested_by": found.requested_by,
        "requested_at": found.requested_at,
        "decided_by": found.decided_by,
        "decided_at": found.decided_at,
        "note": found.note,
    }


class SeatedPerson(Body):
    """Somebody to turn to."""

    id = identifier("That of the member.", required=True)
    display = fields.String(allow_none=True, required=True)
    email = fields.String(
        allow_none=True, required=True, metadata={"description": "null where `contact_email` is to be used."}
    )


class PendingRequest(Body):
    """A request that the operator has not decided yet."""

    id = identifier("That of the hand-over.", required=True)
    kind = choice("What is asked for.", *_KINDS, required=True)
    requested_at = Moment(required=True)
    to_member = identifier("Who would get the seat.", required=True)
    display = fields.String(allow_none=True, required=True, metadata={"description": "Their name."})


class Seat(Body):
    """Who has the administrator's seat, and whom to turn to."""

    administrators = fields.List(fields.Nested(SeatedPerson()), required=True)
    deputy = fields.Nested(SeatedPerson(), allow_none=True, required=True)
    contact_email = fields.String(
        allow_none=True, required=True, metadata={"description": "A mailbox in place of the administrators' addresses."}
    )
    in_recovery = Flag(
        required=True, metadata={"description": "Nobody has the seat any more, until the operator gives it."}
    )
    request = fields.Nested(PendingRequest(), allow_none=True, required=True)
    warnings = fields.List(fields.String(), required=True)


def seat_content(seat: SeatFound) -> dict[str, Any]:
    """Return what :class:`Seat` answers."""
    request, person = seat.request, seat.requested_for
    pending = None
    if request is not None:
        pending = {
            "id": request.id,
            "kind": request.kind,
            "requested_at": request.requested_at,
            "to_member": request.to_user_id,
            "display": person.display if person else None,
        }
    return {
        "administrators": seat.administrators,
        "deputy": seat.deputy,
        "contact_email": seat.contact_email,
        "in_recovery": seat.in_recovery,
        "request": pending,
        "warnings": seat.warnings,
    }


class NewDeputy(Body):
    """Who has the administrator's seat while no administrator has access."""

    member = identifier(
        "A member who has access and is no administrator; null for nobody.", required=True, allow_none=True
    )


class PortalChoice(Body):
    """A portal profile."""

    portal = fields.String(
        required=True, validate=validate.Length(1, 100), metadata={"description": "The name of one that is loaded."}
    )


class PortalDifference(Body):
    """Something that would hold no longer."""

    what = fields.String(required=True)
    members = fields.List(
        identifier("A member."), required=True, metadata={"description": "Whom it concerns; of many, some."}
    )


class Differences(Body):
    """What would hold no longer under another portal profile."""

    items = fields.List(fields.Nested(PortalDifference()), required=True)


class Policy(Body):
    """The switches in which portals differ; docs/portals.md describes them."""

    deletion = fields.String(required=True)
    administrators = fields.String(required=True)
    roles_per_member = fields.String(required=True)
    custom_roles = Flag(required=True)
    self_edit = fields.List(fields.String(), required=True)
    name_after_creation = fields.String(required=True)
    access_on_creation = fields.String(required=True)
    invitation_days = fields.Integer(required=True)
    data_scope = choice("How narrow permissions can be.", *SCOPES, required=True)
    languages = fields.List(fields.String(), required=True)
    required = fields.List(fields.String(), required=True)
    channels = fields.List(fields.String(), required=True)
    company_email_domains = fields.String(required=True)


def _permissions() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=choice("How far it reaches.", *SCOPES), required=True)


class RoleOfPortal(Body):
    """A role that every organization under the profile has."""

    key = fields.String(required=True)
    name = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)
    description = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)
    administrator = Flag(required=True)
    grants = fields.List(fields.String(), required=True, metadata={"description": "The roles that a holder can give."})
    max_holders = fields.Integer(allow_none=True, required=True)
    permissions = _permissions()


class ContactRole(Body):
    """What a person can be a contact for."""

    key = fields.String(required=True)
    name = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)


class App(Body):
    """An application that the portal leads to; one that is not available is announced, and opens for nobody."""

    key = fields.String(required=True)
    name = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)
    permission = fields.String(required=True, metadata={"description": "What opens it."})
    available = Flag(required=True)


class ConsentAsked(Body):
    """A document that members accept before they first sign in."""

    key = fields.String(required=True)
    name = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)
    version = fields.String(required=True)


class Portal(Body):
    """A portal profile: the rules of a portal."""

    name = fields.String(required=True)
    title = fields.Dict(keys=fields.String(), required=True, metadata=_BY_LANGUAGE)
    policy = fields.Nested(Policy(), required=True)
    permissions = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "All there are, each with its text by language."}
    )
    base = _permissions()
    roles = fields.List(fields.Nested(RoleOfPortal()), required=True)
    contact_roles = fields.List(fields.Nested(ContactRole()), required=True)
    apps = fields.List(fields.Nested(App()), required=True)
    consents = fields.List(fields.Nested(ConsentAsked()), required=True)


class Portals(Body):
    """The portal profiles that are loaded, in the order of their names."""

    items = fields.List(fields.Nested(Portal()), required=True)


def portal_content(profile: PortalProfile) -> dict[str, Any]:
    """Return what :class:`Portal` answers."""
    policy = {name: getattr(profile.policy, name) for name in profile.policy.__slots__}
    return {
        "name": profile.name,
        "title": profile.title,
        "policy": {**policy, "self_edit": sorted(profile.policy.self_edit)},
        "permissions": {name: dict(texts) for name, texts in profile.permissions.items()},
        "base": profile.base,
        "roles": [
            {**{name: getattr(role, name) for name in role.__slots__}, "grants": sorted(role.grants)}
            for role in profile.roles.values()
        ],
        "contact_roles": [{"key": key, "name": name} for key, name in profile.contact_roles.items()],
        "apps": list(profile.apps.values()),
        "consents": list(profile.consents.values()),
    }


class HeldAccess(Body):
    """A role or customer group that a member has."""

    id = identifier("That of the group.", required=True)
    kind = choice("What it is.", "role", "customerGroup", required=True)
    display = fields.String(required=True)
    key = fields.String(allow_none=True, required=True, metadata={"description": "That of the portal's profile."})
    since = Moment(allow_none=True, required=True, metadata={"description": "null where that is not known."})
    path = fields.List(fields.Nested(Step()), required=True)


class ReviewedMember(Body):
    """A member, and what they have; who has no access would have it again with that."""

    id = identifier("That of the member.", required=True)
    user_name = fields.String(required=True)
    display = fields.String(allow_none=True, required=True)
    state = choice("Who is not `active` has no access.", *STATES, required=True)
    last_sign_in_at = Moment(allow_none=True, required=True, metadata={"description": "null where that is not known."})
    access = fields.List(fields.Nested(HeldAccess()), required=True)


class AccessReview(PageOf):
    """Members who have a role or a customer group, in the order of their ids."""

    items = fields.List(fields.Nested(ReviewedMember()), required=True)


def reviewed_content(found: Reviewed) -> dict[str, Any]:
    """Return what :class:`ReviewedMember` answers."""
    return {
        "id": found.id,
        "user_name": found.user_name,
        "display": found.display,
        "state": found.state,
        "last_sign_in_at": found.last_sign_in_at,
        "access": [
            {
                "id": each.group_id,
                "kind": each.kind,
                "display": each.display,
                "key": each.template,
                "since": held_since(each),
                "path": [step_content(edge) for edge in each.path],
            }
            for each in found.held
        ],
    }
