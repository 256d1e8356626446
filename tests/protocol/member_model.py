"""What a membership step means, on a set of ids: the store's statements are held to it."""

from collections.abc import Iterable

from scim2_models import NoTargetException
from scim2_models.path import FilterNode

from scim_server.protocol.filters import matches
from scim_server.protocol.members import (
    AddMembers,
    MemberStep,
    RemoveMatching,
    RemoveMembers,
    ReplaceMembers,
    RequireMatch,
)
from tests.protocol.devices import GROUP


def apply_to_set(members: frozenset[str], steps: Iterable[MemberStep]) -> frozenset[str]:
    """Return the members after the steps.

    :raises NoTargetException: When a step needs a match and there is none.
    """
    for step in steps:
        match step:
            case AddMembers(ids):
                members |= frozenset(ids)
            case RemoveMembers(ids):
                members -= frozenset(ids)
            case RemoveMatching(value_filter):
                members -= _selected(members, value_filter)
            case ReplaceMembers(ids):
                members = frozenset(ids)
            case RequireMatch(value_filter):
                if not _selected(members, value_filter):
                    raise NoTargetException
    return members


def _selected(members: frozenset[str], value_filter: FilterNode) -> frozenset[str]:
    attribute = GROUP.attributes["members"]
    return frozenset(each for each in members if matches(value_filter, {"value": each}, attribute))
