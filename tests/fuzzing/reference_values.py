"""Values of documents as SCIM compares, sorts and shows them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import normalize

from precis_i18n import get_profile

from scim_server.protocol.catalog import ResourceDefinition

Json = dict[str, Any]

_USER_NAME = get_profile("UsernameCaseMapped")
_APART = ("schemas", "id", "meta", "active", "password", "groups", "members")


class Fault(Exception):
    """A request is refused, with one of these statuses."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(f"one of {statuses}")
        self.statuses = frozenset(statuses)


def unordered(value: Any) -> Any:
    """Return a value with its arrays in one order."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def user_name_key(text: str) -> str:
    """Return the key that two userNames share where they are one (RFC 7644 §5, RFC 8265 §3.3)."""
    try:
        return str(_USER_NAME.enforce(text))
    except UnicodeEncodeError:
        return text_key(text)


def part(value: Json, names: Sequence[str], *, keep: bool, prefix: str = "") -> Json:
    """Return an object with only those of its attributes that are named, or without them."""
    found: Json = {}
    for name, item in value.items():
        path = prefix + name.lower()
        if path in names:
            found |= {name: item} if keep else {}
            continue
        below = path + (":" if path.startswith("urn:") else ".")
        if any(each.startswith(below) for each in names):
            several = item if isinstance(item, list) else [item]
            items = [left for each in several if (left := part(each, names, keep=keep, prefix=below))]
            found |= {name: items if isinstance(item, list) else items[0]} if items else {}
        elif not keep:
            found[name] = item
    return found


def assigned(value: Any) -> Any:
    """Return a document without what is unassigned (RFC 7643 §2.5)."""
    if isinstance(value, dict):
        read = {name: assigned(item) for name, item in value.items()}
        return {name: item for name, item in read.items() if item not in (None, [], {})}
    return [assigned(item) for item in value] if isinstance(value, list) else value


def without_apart(read: Mapping[str, Any]) -> Json:
    """Return a document without what is kept apart from it."""
    return {name: value for name, value in read.items() if name not in _APART}


def text_key(text: str) -> str:
    """Return the key that two strings share where they are equal but for case."""
    return normalize("NFC", normalize("NFC", text).lower())


def sort_key(definition: ResourceDefinition, full: Json, sort_by: str) -> Any:
    """Return what a resource is sorted by (RFC 7644 §3.4.2.3): of several values the primary one, else the first."""
    holder, attributes, name = full, definition.attributes, sort_by
    for urn, extension in definition.extensions.items():
        if sort_by.lower().startswith(urn + ":"):
            holder, attributes, name = full.get(extension.urn, {}), extension.attributes, sort_by[len(urn) + 1 :]
    name, _, sub_name = name.partition(".")
    attribute = attributes.get(name.lower())
    if attribute is None:
        return None
    value: Any = holder.get(attribute.name)
    if isinstance(value, list):
        value = next((each for each in value if each.get("primary")), value[0])
        sub_name = sub_name or "value"
    if sub_name:
        attribute = attribute.sub_attributes[sub_name.lower()]
        value = (value or {}).get(attribute.name)
    if not isinstance(value, str) or attribute.case_exact or attribute.type == "dateTime":
        return value
    return user_name_key(value) if attribute.is_user_name else text_key(value)
