"""What the API takes and answers of how members come to have access; the rest is in :mod:`schemas`."""

from marshmallow import fields, validate

from scim_server.protocol.lifecycle import STATES
from scim_server.web.api.fields import Body, Flag, Moment, Pattern, choice, identifier, name, text
from scim_server.web.api.schemas import PageOf

_LINK_PATTERN = r"^[A-Za-z0-9_-]{20,100}$"
_MAX_PASSWORD_LENGTH = 1_000


class MemberState(Body):
    """A member, and whether they have access."""

    id = identifier("The id of the member.", required=True)
    state = choice("`active` alone has access.", *STATES, required=True)


class Invitation(Body):
    """The last invitation of a member."""

    user_id = identifier("The id of the member.", required=True)
    status = choice(
        "`pending` until a worker has sent it; `failed` where it could not be sent.",
        *("pending", "sent", "failed", "expired", "accepted", "revoked"),
        required=True,
    )
    invited_by = fields.String(required=True)
    invited_at = Moment(required=True)
    sent_at = Moment(allow_none=True, required=True)
    expires_at = Moment(allow_none=True, required=True)
    failure = fields.String(allow_none=True, required=True, metadata={"description": "Why it could not be sent."})


def _secret() -> fields.String:
    return fields.String(
        required=True,
        validate=Pattern(_LINK_PATTERN, error="must be the last part of the link that was sent"),
        metadata={"description": "The last part of the link that was sent to the person."},
    )


def _password(*, required: bool = False) -> fields.String:
    return fields.String(
        required=required,
        validate=validate.Length(1, _MAX_PASSWORD_LENGTH),
        metadata={"description": "The password to sign in with; see the portal for its least length."},
    )


class OpenedLink(Body):
    """A link as its person has opened it."""

    link = _secret()


class Consent(Body):
    """A document that the portal has members agree to."""

    key = fields.String(required=True)
    version = fields.String(required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Inviting(Body):
    """The organization that invites."""

    slug = fields.String(required=True)
    name = fields.String(required=True)


class Name(Body):
    """The parts of a name that a person can change."""

    honorificPrefix = name("The salutation or title.")
    givenName = name("The first name.")
    familyName = name("The last name.")


class Welcome(Body):
    """What is shown to who opens an invitation, and what is asked of them."""

    member_id = identifier("The id of the member.", required=True)
    organization = fields.Nested(Inviting(), required=True)
    user_name = fields.String(required=True)
    email = fields.String(allow_none=True, required=True, metadata={"description": "It cannot be changed here."})
    name = fields.Dict(required=True, metadata={"description": "As SCIM has it."})
    language = fields.String(required=True)
    may_rename = Flag(required=True, metadata={"description": "Whether `name` is taken."})
    asks_password = Flag(required=True, metadata={"description": "Whether `password` has to be sent, or must not be."})
    consents = fields.List(
        fields.Nested(Consent()), required=True, metadata={"description": "What the person has to agree to."}
    )


def _agreed(*, required: bool = False) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(validate=validate.Length(1, 100)),
        values=fields.String(validate=validate.Length(1, 100)),
        required=required,
        metadata={"description": "The version of each document that the person agrees to, by its key."},
    )


class Acceptance(OpenedLink):
    """What a person sends to accept an invitation."""

    name = fields.Nested(Name(), load_default=dict)
    password = _password()
    consents = _agreed()


class ConsentGiven(Body):
    """That a member has agreed to a version of a document."""

    document = fields.String(required=True)
    version = fields.String(required=True)
    given_at = Moment(required=True)
    through = choice("At what.", "invitation", "sign_in", "portal", required=True)


class Consents(Body):
    """What a member has agreed to, and has still to agree to."""

    items = fields.List(fields.Nested(ConsentGiven()), required=True)
    missing = fields.List(fields.Nested(Consent()), required=True)


class NewConsents(Body):
    """What a member agrees to."""

    consents = _agreed(required=True)


class ResetRequest(Body):
    """The address that somebody has typed who wants a new password."""

    address = text("An e-mail address or a `userName`.", required=True)
    client_address = text("The address of the network that the person asks from, to limit how often.")


class NewPassword(OpenedLink):
    """A new password of who has the link."""

    password = _password(required=True)


class Session(Body):
    """A browser in which a member is signed in."""

    id = identifier("Given by the server.", required=True)
    agent = fields.String(allow_none=True, required=True, metadata={"description": "What the browser says it is."})
    address = fields.String(allow_none=True, required=True, metadata={"description": "Where it was opened from."})
    created_at = Moment(required=True)
    last_seen_at = Moment(required=True, metadata={"description": "To the minute."})
    expires_at = Moment(required=True)


class Sessions(Body):
    """The open sessions of a member, oldest first, and when they last signed in."""

    items = fields.List(fields.Nested(Session()), required=True)
    last_sign_in_at = Moment(allow_none=True, required=True)


class Delivery(Body):
    """Something that a worker has not done yet, or has given up."""

    id = identifier("Given by the server.", required=True)
    kind = fields.String(required=True)
    subject = fields.String(required=True, metadata={"description": "The id of who or what it is about."})
    status = choice("`failed` once it is given up.", "pending", "failed", required=True)
    due_at = Moment(required=True)
    next_at = Moment(allow_none=True, required=True, metadata={"description": "When it is tried next."})
    attempts = fields.Integer(required=True)
    failure = fields.String(allow_none=True, required=True, metadata={"description": "Why the last attempt failed."})


class Deliveries(PageOf):
    """What is not done yet, oldest first."""

    items = fields.List(fields.Nested(Delivery()), required=True)
