"""The form in which values are compared: filters, sorting and uniqueness all go through it."""

import base64
import re
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

from precis_i18n import get_profile

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition

_USERNAME = get_profile("UsernameCaseMapped")
_PASSWORD = get_profile("OpaqueString")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)


def comparison_key(value: str, *, case_exact: bool) -> str:
    """Return the string that stands for a value in comparisons (RFC 7644 §3.4.2.2).

    It is the key of ``scim2_models.default_comparison_key``: NFC, and lower case unless case exact.
    """
    if value.isascii():
        return value if case_exact else value.lower()
    normalized = normalize("NFC", value)
    return normalized if case_exact else normalize("NFC", normalized.lower())


def attribute_key(value: str, definition: AttributeDefinition) -> str:
    """Return the string that stands for a value of an attribute in comparisons."""
    if definition.is_user_name and not value.isascii():
        return user_name_key(value)
    return comparison_key(value, case_exact=definition.case_exact)


def user_name_key(value: str) -> str:
    """Return a userName prepared by UsernameCaseMapped (RFC 8265 §3.3), as RFC 7644 §5 asks.

    A name outside the profile, with spaces or symbols, is never refused: it has the key of any
    other string.
    """
    try:
        return str(_USERNAME.enforce(value))
    except UnicodeEncodeError:
        return comparison_key(value, case_exact=False)


def prepared_password(value: str) -> str:
    """Return a password prepared by OpaqueString (RFC 8265 §4.2), so that it is the same on every keyboard.

    A password outside the profile is taken as it is.
    """
    try:
        return str(_PASSWORD.enforce(value))
    except UnicodeEncodeError:
        return value


def read_date_time(value: str) -> datetime:
    """Return a dateTime (RFC 7643 §2.3.5) in UTC; one without an offset is taken as UTC.

    :raises ValueError: When the text is no XML Schema dateTime.
    """
    # Python reads more, such as weeks; RFC 7643 §2.3.5 takes a date and a time.
    if _DATE_TIME.fullmatch(value) is None:
        raise ValueError("a dateTime holds a date and a time, such as 2026-01-31T08:00:00Z")
    moment = datetime.fromisoformat(value.upper())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def fixed_width(moment: datetime) -> str:
    """Return a moment in UTC as text whose order is the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def fold(value: Any, definition: AttributeDefinition) -> Any:
    """Return a stored value of an attribute in the form comparisons use."""
    if definition.multi_valued and isinstance(value, list):
        return [_fold_one(item, definition) for item in value]
    return _fold_one(value, definition)


def _fold_one(value: Any, definition: AttributeDefinition) -> Any:
    if isinstance(value, dict):
        return _fold_object(value, definition.sub_attributes)
    if definition.type == "decimal" and isinstance(value, int):
        return float(value)  # 1 and 1.0 are one number.
    if not isinstance(value, str):
        return value
    if definition.type == "dateTime":
        return fixed_width(read_date_time(value))
    if definition.type == "binary":
        return base64.b64encode(read_binary(value)).decode()
    return attribute_key(value, definition)


def _fold_object(values: dict[str, Any], attributes: Attributes) -> dict[str, Any]:
    return {name: fold(value, attributes[name.lower()]) for name, value in values.items()}


def fold_document(document: dict[str, Any], definition: ResourceDefinition) -> dict[str, Any]:
    """Return a document with every value in the form comparisons use, names unchanged."""
    folded = {}
    for name, value in document.items():
        extension = definition.extensions.get(name.lower())
        if extension is not None:
            folded[name] = _fold_object(value, extension.attributes)
        else:
            folded[name] = fold(value, definition.attributes[name.lower()])
    return folded


def read_binary(value: str) -> bytes:
    """Return the bytes of a base64 value, standard or URL-safe (RFC 7643 §2.3.6).

    :raises ValueError: When the text is not base64.
    """
    try:
        return base64.b64decode("".join(value.split()).replace("-", "+").replace("_", "/"), validate=True)
    except ValueError as exc:
        raise ValueError("the value is not base64") from exc
