"""What PATCH operations do to the members of a group (RFC 7644 §3.5.2), on a set of ids."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.fuzzing.reference_values import Fault, Json

_NAMED = re.compile(r'value eq "([^"]+)"')
_KIND = re.compile(r'members\[type eq "(\w+)"\]')


@dataclass(frozen=True)
class MemberSteps:
    """Applies operations for one connection.

    ``may_be_members`` says whether resources exist for it, ``kind_of`` what a member is.
    """

    strict: bool
    may_be_members: Callable[[Iterable[str]], bool]
    kind_of: Callable[[str], str]

    def apply(self, operation: Json, members: set[str]) -> tuple[Json, set[str]]:
        """Return what an operation leaves to do beside the members, and the members after it."""
        op, path, value = operation["op"].lower(), operation.get("path"), operation.get("value")
        if path is None and isinstance(value, dict) and "members" in value:
            rest = {name: item for name, item in value.items() if name != "members"}
            _, members = self.apply({"op": op, "path": "members", "value": value["members"]}, members)
            return ({**operation, "value": rest} if rest else {}), members
        if path is None or not path.startswith("members"):
            return operation, members
        if path.endswith(".display"):
            return {}, members  # readOnly, and the server's own.
        if path.endswith(".value"):
            raise Fault(400)  # Immutable (RFC 7643 §4.2).
        if "[" in path:
            return {}, self._on_selected(op, path, members)
        if op == "remove":
            return {}, self._without(members, value) if "value" in operation else set()
        ids = self._existing(member_ids(value or []))
        return {}, ids if op == "replace" else members | ids

    def _existing(self, ids: Iterable[str]) -> set[str]:
        if not self.may_be_members(ids):
            raise Fault(400)
        return set(ids)

    def _without(self, members: set[str], value: Any) -> set[str]:
        if self.strict:
            raise Fault(400)  # A remove has no value in RFC 7644; Entra ID lists the members in it.
        return members - set(member_ids(value or []))

    def _on_selected(self, op: str, path: str, members: set[str]) -> set[str]:
        """Return the members after an operation on those between the brackets of a path."""
        kind, named = _KIND.match(path), set(_NAMED.findall(path))
        selected = {each for each in members if self.kind_of(each).lower() == kind[1].lower()} if kind else named
        if op == "remove":
            return members - selected
        if len(named) == 1 and not self.strict:
            # OneLogin adds members[value eq "id"]: it says all that a member needs.
            return members | self._existing(named)
        if not members & selected:
            raise Fault(400)  # noTarget
        return members


def member_ids(members: Iterable[Json]) -> list[str]:
    """Return whom a client names, by ``value`` or by the end of ``$ref``."""
    ids = [each.get("value") or each.get("$ref", "").rpartition("/")[2] for each in members]
    if not all(ids):
        raise Fault(400)
    return ids
