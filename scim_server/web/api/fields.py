"""The fields of the API's schemas: each takes what its type in the documentation says, and nothing else."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from scim_server.actions.organizations import MAX_NAME_LENGTH, SLUG, is_time_zone
from scim_server.protocol.comparison import read_date_time
from scim_server.protocol.queries import DEFAULT_COUNT, MAX_RESULTS
from scim_server.protocol.replies import timestamp


class Body(Schema):
    """A schema that says which fields there are, where one is sent that is not."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        accepted = ", ".join(self.load_fields) or "none"
        self.error_messages = {**self.error_messages, "unknown": f"is unknown here; accepted: {accepted}"}


class Pattern(validate.Regexp):
    """A regular expression for the whole of a text."""

    def __call__(self, value: Any) -> Any:
        """Return the text, or refuse it."""
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class Flag(fields.Boolean):
    """True or false, and no text or number that stands for either."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Moment(fields.DateTime):
    """A moment, in UTC and to the millisecond where it is answered."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> str | None:
        return timestamp(value) if isinstance(value, datetime) else None

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        try:
            return read_date_time(value)
        except (ValueError, OverflowError) as exc:
            raise ValidationError("must be a date and a time, such as 2026-01-31T08:00:00Z") from exc


class Limit(fields.Integer):
    """How many results a page has."""

    def __init__(self) -> None:
        description = "How many results a page has at most."
        super().__init__(
            load_default=DEFAULT_COUNT,
            validate=validate.Range(1, MAX_RESULTS),
            metadata={"description": description, "default": DEFAULT_COUNT},
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        if not (value.isascii() and value.isdigit() and len(value) <= 6):
            raise ValidationError(f"must be a whole number from 1 to {MAX_RESULTS}")
        return int(value)


# No control characters, of which U+0000 cannot be stored.
_TEXT = r"^[^\x00-\x1f\x7f]+$"
_NAME = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_MAILBOX = r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}$"
ID_PATTERN = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def name(description: str, **options: Any) -> fields.String:
    """Return the field of what people call something."""
    return fields.String(
        validate=[
            validate.Length(1, MAX_NAME_LENGTH),
            Pattern(_NAME, error="must be text without control characters, and not blank"),
        ],
        metadata={"description": description},
        **options,
    )


def text(description: str, max_length: int = 1_000, **options: Any) -> fields.String:
    """Return the field of a text in a query."""
    return fields.String(
        validate=[validate.Length(1, max_length), Pattern(_TEXT, error="must be text without control characters")],
        metadata={"description": description},
        **options,
    )


def mailbox(description: str, **options: Any) -> fields.String:
    """Return the field of an e-mail address."""
    error = "must be an e-mail address, such as contact@example.com"
    return fields.String(
        validate=[validate.Length(3, 254), Pattern(_MAILBOX, error=error)],
        metadata={"description": description},
        **options,
    )


def slug(description: str, **options: Any) -> fields.String:
    """Return the field of the short name of an organization."""
    error = "must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at an end"
    validators = [validate.Length(1, 63), Pattern(f"^{SLUG.pattern}$", error=error)]
    return fields.String(validate=validators, metadata={"description": description}, **options)


def choice(description: str, *choices: str, **options: Any) -> fields.String:
    """Return the field of one of several words."""
    error = f"must be one of: {', '.join(choices)}"
    return fields.String(
        validate=validate.OneOf(choices, error=error), metadata={"description": description}, **options
    )


def time_zone(**options: Any) -> fields.String:
    """Return the field of a time zone."""
    description = "A time zone of the IANA, such as Europe/Paris or UTC."
    return fields.String(validate=_check_time_zone, metadata={"description": description}, **options)


def _check_time_zone(value: str) -> None:
    if not is_time_zone(value):
        raise ValidationError("must be the name of a time zone of the IANA, such as Europe/Paris or UTC")


def identifier(description: str, **options: Any) -> fields.String:
    """Return the field of an id that the server gave."""
    return fields.String(
        validate=Pattern(ID_PATTERN, error="must be an id, such as 019a9c4e-1b2c-7d3e-8f90-123456789abc"),
        metadata={"description": description},
        **options,
    )
