"""What the API takes and answers of tokens and OAuth clients; the rest is in :mod:`schemas`."""

from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate

from scim_server.actions.clients import AUTH_METHODS, GRANT_TYPES, MAX_REDIRECT_URIS
from scim_server.protocol.assertions import read_jwks
from scim_server.protocol.scopes import ORGANIZATION_SCOPES, SCIM_SCOPES, read_scope
from scim_server.protocol.tokens import WARNING_DAYS
from scim_server.web.api.fields import Body, Moment, choice, identifier, name, text
from scim_server.web.api.schemas import PageOf

MAX_LIFETIME_DAYS = 3_650
MAX_KEPT_DAYS = 365
MAX_JWKS_BYTES = 100_000

_SCOPES = ", ".join(f"`{each}`" for each in ("scim", *SCIM_SCOPES, *ORGANIZATION_SCOPES))


class Days(fields.Integer):
    """A number of days, and no text or boolean that stands for one."""

    def __init__(self, description: str, least: int, most: int, **options: Any) -> None:
        in_range = validate.Range(least, most)
        super().__init__(strict=True, validate=in_range, metadata={"description": description}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        if isinstance(value, str | bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **options)


def _lifetime() -> Days:
    return Days("How long it lives; without, until it is revoked.", 1, MAX_LIFETIME_DAYS, allow_none=True)


def _scope() -> fields.String:
    description = f"One or several of {_SCOPES}, with spaces between; `scim` stands for both of its halves."
    return fields.String(
        validate=[validate.Length(1, 200), _check_scope], load_default="scim", metadata={"description": description}
    )


def _check_scope(value: str) -> None:
    try:
        read_scope(value)
    except ValueError as exc:
        raise ValidationError(str(exc)) from exc


def _check_jwks(value: Any) -> None:
    try:
        read_jwks(value)
    except ValueError as exc:
        raise ValidationError(str(exc)) from exc
    if len(orjson.dumps(value)) > MAX_JWKS_BYTES:
        raise ValidationError(f"must have at most {MAX_JWKS_BYTES} bytes")


_CONNECTION = "The id or the name of the connection; without, it is the portal's own, and has no scope of SCIM."


class Token(Body):
    """What is known of a token; the token itself is kept nowhere."""

    id = identifier("Given by the server.", required=True)
    kind = choice("`static`, or given to an OAuth client.", "static", "access", "refresh", required=True)
    connection_id = fields.String(allow_none=True, required=True, metadata={"description": "null for the portal's."})
    user_id = fields.String(allow_none=True, required=True, metadata={"description": "The person it stands for."})
    client_id = fields.String(
        allow_none=True, required=True, metadata={"description": "The OAuth client it was given to."}
    )
    scope = fields.String(required=True)
    created_at = Moment(required=True)
    expires_at = Moment(allow_none=True, required=True, metadata={"description": "null where it has no end."})
    expires_in_days = fields.Integer(
        allow_none=True, required=True, metadata={"description": "Whole days; negative after its end."}
    )
    warning_days = fields.Integer(
        allow_none=True,
        required=True,
        validate=validate.OneOf(WARNING_DAYS),
        metadata={"description": "Its end is within so many days; null while it is further off, or no longer matters."},
    )
    last_used_at = Moment(allow_none=True, required=True, metadata={"description": "To the minute."})
    revoked_at = Moment(allow_none=True, required=True)
    replaces_id = fields.String(
        allow_none=True, required=True, metadata={"description": "The token whose place it takes in a rotation."}
    )


class IssuedToken(Token):
    """A token that was just issued."""

    token = fields.String(required=True, metadata={"description": "The token itself, in this answer alone."})


class Tokens(PageOf):
    """Static tokens, oldest first."""

    items = fields.List(fields.Nested(Token()), required=True)


class NewToken(Body):
    """A token to issue; a connection has two that live at most."""

    connection = text(_CONNECTION)
    scope = _scope()
    user_name = text("The userName of the person it stands for: it then reaches /Me alone, whatever the scope.")
    expires_in_days = _lifetime()


class NewRotation(Body):
    """How a rotation goes."""

    expires_in_days = _lifetime()
    old_ends_in_days = Days(
        "When the old one ends by itself; without, when the rotation is completed.", 1, MAX_KEPT_DAYS, allow_none=True
    )


class Client(Body):
    """An OAuth client; its secrets are kept nowhere."""

    id = identifier("Its `client_id`.", required=True)
    connection_id = fields.String(allow_none=True, required=True, metadata={"description": "null for the portal's."})
    name = name("What people read.", required=True)
    auth_method = choice("How it proves itself.", *AUTH_METHODS, required=True)
    scope = fields.String(required=True)
    grant_types = fields.String(required=True, metadata={"description": "With spaces between."})
    redirect_uris = fields.List(fields.String(), required=True)
    jwks = fields.Dict(allow_none=True, required=True)
    jwks_uri = fields.String(allow_none=True, required=True)
    issuer = fields.String(allow_none=True, required=True)
    subject = fields.String(allow_none=True, required=True)
    audience = fields.String(allow_none=True, required=True)
    previous_secret_ends_at = Moment(
        allow_none=True, required=True, metadata={"description": "Until when the secret before is taken too."}
    )
    created_at = Moment(required=True)
    disabled_at = Moment(allow_none=True, required=True)


class ClientWithSecret(Client):
    """A client that was just given a secret."""

    client_secret = fields.String(
        allow_none=True, required=True, metadata={"description": "In this answer alone; null for one that has keys."}
    )


class Clients(PageOf):
    """OAuth clients, oldest first."""

    items = fields.List(fields.Nested(Client()), required=True)


class NewClient(Body):
    """An OAuth client to register."""

    name = name("What people read.", required=True)
    connection = text(_CONNECTION)
    scope = _scope()
    auth_method = choice(
        "`federated` is by the assertions of another issuer, as Entra's workload identity.",
        *AUTH_METHODS,
        load_default="client_secret",
    )
    grant_types = fields.List(
        choice("One of those of RFC 6749.", *GRANT_TYPES),
        validate=validate.Length(1, len(GRANT_TYPES)),
        load_default=("client_credentials",),
        metadata={"default": ["client_credentials"]},
    )
    redirect_uris = fields.List(
        text("An https URL.", 2_000), validate=validate.Length(0, MAX_REDIRECT_URIS), load_default=()
    )
    jwks = fields.Dict(validate=_check_jwks, metadata={"description": "Its public keys (RFC 7517 §5)."})
    jwks_uri = text("Where its public keys are published.", 2_000)
    issuer = text("`iss` of a federated assertion.")
    subject = text("`sub` of a federated assertion.")
    audience = text("`aud` of a federated assertion.")


class NewSecret(Body):
    """How long the secret that the client has is taken beside the new one."""

    keep_days = Days("0 ends it at once.", 0, MAX_KEPT_DAYS, load_default=7)
