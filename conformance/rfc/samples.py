"""Values for whatever else a server's schema requires of a new resource."""

from typing import Any

from conformance.rfc.answers import Body, pick
from conformance.rfc.capabilities import Capabilities

WRITABLE = ("readWrite", "writeOnly", "immutable")


def required_members(can: Capabilities, schema: str, unique: str, given: Body) -> Body:
    """A value for each required attribute of a schema that is not given."""
    attributes = pick(can.schemas.get(schema.lower(), {}), "attributes")
    wanted = [one for one in attributes if _wanted(one)] if isinstance(attributes, list) else []
    return {
        str(pick(one, "name")): sample(one, unique) for one in wanted if pick(given, str(pick(one, "name"))) is None
    }


def _wanted(attribute: Body) -> bool:
    return pick(attribute, "required") is True and pick(attribute, "mutability") in WRITABLE


def sample(attribute: Body, unique: str) -> Any:
    """A value an attribute could have."""
    if pick(attribute, "type") == "complex":
        below = pick(attribute, "subAttributes")
        members = (
            [one for one in below if _wanted(one) or pick(one, "name") == "value"] if isinstance(below, list) else []
        )
        value: Any = {str(pick(one, "name")): sample(one, _named(attribute, unique)) for one in members}
    else:
        value = _simple(attribute, unique)
    return [value] if pick(attribute, "multiValued") is True else value


def _named(attribute: Body, unique: str) -> str:
    return f"{unique}@example.com" if "mail" in str(pick(attribute, "name")).lower() else unique


def _simple(attribute: Body, unique: str) -> Any:
    canonical = pick(attribute, "canonicalValues")
    if isinstance(canonical, list) and canonical:
        return canonical[0]
    match pick(attribute, "type"):
        case "boolean":
            return True
        case "integer":
            return 1
        case "decimal":
            return 1.5
        case "dateTime":
            return "2020-02-02T02:02:02Z"
        case "reference":
            return f"https://example.com/{unique}"
        case "binary":
            return "AAEC"
    return _named(attribute, unique)
