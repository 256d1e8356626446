"""What a bulk request does to the reference (RFC 7644 §3.7): every operation by itself, circles as a whole."""

import json
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from tests.fuzzing.reference import Actor, Kept
from tests.fuzzing.reference_values import Fault, Json

_REFERENCE = re.compile(r"bulkId:(\w+)")


@dataclass(frozen=True)
class Result:
    """What becomes of an operation: its possible statuses, and the resource it leaves."""

    statuses: frozenset[int]
    kept: Kept | None = None

    @property
    def failed(self) -> bool:
        return min(self.statuses) >= 400


class Bulk:
    """One bulk request under way. ``ids`` are those its creations get, by bulkId, where they succeed."""

    def __init__(self, actor: Actor, operations: Sequence[Json], limit: int | None, ids: Mapping[str, str]) -> None:
        self.actor = actor
        self.operations = operations
        self.limit = limit
        self.ids = ids
        self.results: dict[int, Result] = {}
        self._creations = {each["bulkId"]: at for at, each in enumerate(operations) if each["method"] == "POST"}
        self._needs = [self._needed(at) for at in range(len(operations))]
        self._stopped = False

    def run(self) -> dict[int, Result]:
        """Run the operations in their order, each after the creations that it refers to."""
        for at in range(len(self.operations)):
            self._visit(at, ())
        return self.results

    def _needed(self, at: int) -> set[int]:
        named = _references(self.operations[at])
        return {self._creations[name] for name in named if name in self._creations} - {at}

    def _reached(self, at: int) -> set[int]:
        found, further = set[int](), {at}
        while further:
            further = {each for near in further for each in self._needs[near]} - found
            found |= further
        return found

    def _circle(self, at: int) -> list[int]:
        """Return the operations that refer to each other, the one given among them."""
        return sorted({each for each in self._reached(at) if at in self._reached(each)} | {at})

    def _visit(self, at: int, under_way: tuple[int, ...]) -> None:
        circle = self._circle(at)
        if at in self.results or at in under_way:
            return
        for each in circle:
            for needed in sorted(self._needs[each] - set(circle)):
                self._visit(needed, (*under_way, *circle))
        failures = sum(each.failed for each in self.results.values())
        self._stopped = self._stopped or (self.limit is not None and failures >= self.limit)
        if not self._stopped:
            self._run_group(circle)

    def _run_group(self, circle: list[int]) -> None:
        organization = self.actor.organization
        before = {each.id: _copied(each) for each in organization.kept.values()}
        deleted = len(organization.deleted)
        kept: dict[int, Kept | None] = {}
        at = circle[0]
        try:
            later: dict[int, list[str]] = {}
            for at in circle:
                kept[at], later[at] = self._run(at, circle)
            for at in circle:
                resource = kept[at]
                if later[at] and resource is not None:
                    organization.add_members(self.actor, resource, later[at])
        except Fault as fault:
            organization.kept = before
            del organization.deleted[deleted:]
            for each in circle:
                # NB: one creation of a circle that fails takes the others with it.
                self.results[each] = Result(fault.statuses if each == at else frozenset({409}))
            return
        for each in circle:
            method = self.operations[each]["method"]
            self.results[each] = Result(frozenset({{"POST": 201, "DELETE": 204}.get(method, 200)}), kept[each])

    def _run(self, at: int, circle: list[int]) -> tuple[Kept | None, list[str]]:
        """Run an operation; return what it leaves, and the members its circle has yet to create."""
        operation = self.operations[at]
        for name in sorted(_references(operation)):
            needed = self._creations.get(name)
            if needed is None or (needed in self.results and self.results[needed].failed):
                raise Fault(409, 400)  # Its body may have a fault of its own.
        resolved = self._resolved(operation)
        kind, identifier = _place(resolved["path"])
        data, version = resolved.get("data"), operation.get("version")
        organization = self.actor.organization
        if operation["method"] == "POST":
            others = {self.ids[self.operations[each]["bulkId"]] for each in circle} if len(circle) > 1 else set()
            members = data.get("members", [])
            later = [each["value"] for each in members if each["value"] in others]
            if later:
                data = {**data, "members": [each for each in members if each["value"] not in others]}
            return organization.create(self.actor, kind, data, self.ids[operation["bulkId"]]), later
        if operation["method"] == "PUT":
            return organization.replace(self.actor, kind, identifier, data, version), []
        if operation["method"] == "PATCH":
            return organization.patch(self.actor, kind, identifier, data["Operations"], version), []
        organization.delete(self.actor, kind, identifier, version)
        return None, []

    def _resolved(self, operation: Json) -> Any:
        text = json.dumps(operation)
        return json.loads(_REFERENCE.sub(lambda found: self.ids.get(found[1], found[0]), text))


def _references(operation: Json) -> set[str]:
    return set(_REFERENCE.findall(json.dumps([operation["path"], operation.get("data")])))


def _place(path: str) -> tuple[str, str]:
    _, endpoint, *rest = path.split("/")
    return endpoint.removesuffix("s"), rest[0] if rest else ""


def _copied(kept: Kept) -> Kept:
    """Return a copy that shares nothing which changes; documents are replaced, never changed."""
    copied = copy(kept)
    copied.members = set(kept.members)
    return copied
