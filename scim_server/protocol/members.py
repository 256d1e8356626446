"""Changes of a group's members as steps on a set of ids (RFC 7644 §3.5.2).

A step says what to do, never what the group holds, so its cost is that of the ids it names. No
step empties a group unless the client asked for that in so many words: a ``remove`` of
``members`` with no value, or a ``replace`` with no members.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scim2_models import InvalidPathException, InvalidValueException, MutabilityException
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from scim_server.protocol.profiles import Leniences


@dataclass(frozen=True, slots=True)
class AddMembers:
    """Make these resources members; those who are already stay."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveMembers:
    """End the membership of these; those who are not members are passed over."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveMatching:
    """End the membership of those a filter selects."""

    value_filter: FilterNode


@dataclass(frozen=True, slots=True)
class ReplaceMembers:
    """Leave exactly these as members; none empties the group."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequireMatch:
    """Change nothing, and fail with ``noTarget`` when the filter selects no member."""

    value_filter: FilterNode


MemberStep = AddMembers | RemoveMembers | RemoveMatching | ReplaceMembers | RequireMatch

REMOVE_ALL = ReplaceMembers(())


def read_member_ids(value: Any, leniences: Leniences, path: str = "members") -> tuple[str, ...]:
    """Return the ids of the members a client sent, each once, in their order.

    Only ``value`` counts, or the last segment of ``$ref`` without it: ``type`` and ``display`` are
    the server's own.

    :raises InvalidValueException: When an element names no resource.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        if not leniences.profile.coerces_values:
            raise InvalidValueException(detail=f"{path} must be an array of objects with a value")
        leniences.count("value_for_array")
        if value == "":
            return ()
        value = [value]
    ids = (_member_id(item, f"{path}[{index}]", leniences) for index, item in enumerate(value) if item is not None)
    return tuple(dict.fromkeys(ids))


def _member_id(element: Any, path: str, leniences: Leniences) -> str:
    if isinstance(element, str) and leniences.profile.coerces_values:
        leniences.count("string_for_complex")
        element = {"value": element}
    if not isinstance(element, dict):
        raise InvalidValueException(detail=f"{path} must be an object with a value: the id of a user or group")
    sent = {name.lower(): item for name, item in element.items()}
    identifier = sent.get("value")
    if identifier is None and isinstance(sent.get("$ref"), str):
        identifier = sent["$ref"].rstrip("/").rpartition("/")[2]
    if not isinstance(identifier, str) or not identifier:
        raise InvalidValueException(detail=f"{path}.value is required: the id of a user or group")
    return identifier


def read_step(
    op: str,
    value_filter: FilterNode | None,
    sub_attribute: str | None,
    value: Any,
    has_value: bool,
    leniences: Leniences,
) -> MemberStep | None:
    """Return what one PATCH operation on ``members`` does, None when it changes nothing.

    :param op: ``add``, ``replace`` or ``remove``.
    :param value_filter: What stands between the brackets of the path.
    :param sub_attribute: The sub-attribute past them, in lower case.
    :param has_value: Whether the operation has a ``value``, null included.
    """
    if sub_attribute is not None:
        return _sub_attribute_step(op, value_filter, sub_attribute, value)
    if value_filter is not None:
        return _selection_step(op, value_filter, value, has_value, leniences)
    if op == "add":
        # RFC 7644 §3.5.2.1: "a new value is added".
        return AddMembers(read_member_ids([value] if isinstance(value, dict) else value, leniences))
    if op == "replace":
        return ReplaceMembers(read_member_ids(value, leniences))
    return _removal_step(value, leniences) if has_value else REMOVE_ALL


def _removal_step(value: Any, leniences: Leniences) -> MemberStep | None:
    """Return a removal that lists its members in its value, as Entra ID, JumpCloud and authentik send it."""
    if not leniences.profile.removes_by_value:
        raise InvalidValueException(detail='a remove has no value; name the member in the path: members[value eq "id"]')
    leniences.count("remove_by_value")
    ids = read_member_ids(value, leniences)
    return RemoveMembers(ids) if ids else None


def _selection_step(
    op: str, value_filter: FilterNode, value: Any, has_value: bool, leniences: Leniences
) -> MemberStep | None:
    selected = _selected_ids(value_filter)
    if op == "remove":
        if has_value and value is not None:
            raise InvalidValueException(detail="a remove with a filter in its path has no value")
        return RemoveMatching(value_filter) if selected is None else RemoveMembers(selected)
    if value not in (None, "") and selected is not None:
        sent = read_member_ids([value], leniences) if _names_a_member(value) else ()
        if any(identifier not in selected for identifier in sent):
            raise MutabilityException(detail="members.value is immutable: remove that member and add the other")
    if selected is not None and len(selected) == 1 and leniences.profile.creates_unmatched:
        # conformance/clients/onelogin/02-group.json: add members[value eq "id"], whatever the value.
        leniences.count("member_from_path")
        return AddMembers(selected)
    return RequireMatch(value_filter)


def _names_a_member(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, dict) and any(name.lower() in ("value", "$ref") and value[name] for name in value)
    )


def _sub_attribute_step(op: str, value_filter: FilterNode | None, sub_attribute: str, value: Any) -> MemberStep | None:
    if sub_attribute in ("type", "display", "$ref"):
        return None  # NB: the server's own; Ping and Okta write them, and nothing is lost.
    if sub_attribute != "value":
        raise InvalidPathException(detail=f"members has no sub-attribute {sub_attribute!r}")
    selected = _selected_ids(value_filter) if value_filter is not None else None
    if op != "remove" and selected == (value,):
        return RequireMatch(value_filter) if value_filter is not None else None
    raise MutabilityException(detail="members.value is immutable: remove that member and add the other")


def _selected_ids(value_filter: FilterNode) -> tuple[str, ...] | None:
    """Return the ids a filter names by ``value eq "…"`` joined by ``or``, None for any other filter."""
    terms: Iterable[FilterNode] = (value_filter,)
    if isinstance(value_filter, LogicalExpr) and value_filter.op == LogicalOperator.or_:
        terms = value_filter.terms
    ids = []
    for term in terms:
        if not (
            isinstance(term, Comparison)
            and term.op == CompareOperator.eq
            and term.attr_path.attr.lower() == "value"
            and term.attr_path.sub_attr is None
            and isinstance(term.value, str)
        ):
            return None
        ids.append(term.value)
    return tuple(dict.fromkeys(ids))
