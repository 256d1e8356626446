"""A SCIM server of dictionaries and sets, written from the RFCs and docs/decisions.md: what the real one is held to.

It shares no code with the server but the schemas. Bodies and PATCH operations on documents are read by
scim2-models, filters are evaluated by it. A request that has several faults may be refused for any of
them, since no RFC says which comes first.
"""

import re
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scim2_models import ScimFilter, ScimPolicy, default_comparison_key

from scim_server.protocol.catalog import Catalog, ResourceDefinition
from tests.fuzzing.reference_members import MemberSteps, member_ids
from tests.fuzzing.reference_values import (
    Fault,
    Json,
    assigned,
    part,
    sort_key,
    text_key,
    unordered,
    user_name_key,
    without_apart,
)
from tests.protocol import oracle

_TAG = re.compile(r'W/"(\d+)(?:\.([0-9a-f]{12}))?"')
_COERCED = {"True": True, "true": True, "False": False, "false": False}


@dataclass(eq=False)
class Kept:
    """A resource. ``version`` and the moments are None until an answer has shown them."""

    id: str
    kind: str
    owner: str
    document: Json
    created: str | None
    modified: str | None
    active: bool | None = None
    members: set[str] = field(default_factory=set)
    version: int | None = None
    former_version: int = 0


@dataclass(frozen=True)
class Actor:
    """A connection of an organization; ``strict`` has the profile ``rfc``, else it is lenient."""

    name: str
    organization: "Organization"
    strict: bool

    @property
    def policy(self) -> ScimPolicy:
        return oracle.STRICT if self.strict else oracle.TOLERANT


class Organization:
    """What one customer has. ``now`` is the time of the request at hand, None where nobody knows."""

    def __init__(self, catalog: Catalog, base: str) -> None:
        self.base = base
        self.kinds = {name: catalog.by_name(name) for name in ("User", "Group")}
        self.kept: dict[str, Kept] = {}
        self.deleted: list[str] = []
        self.now: str | None = None
        self._suffixes: dict[str, frozenset[tuple[str, ...]]] = {}
        user_name = f"{self.kinds['User'].urn}:userName"

        def key(binding: Any, text: str) -> str:
            return user_name_key(text) if binding.urn == user_name else default_comparison_key(binding, text)

        self._policy = ScimPolicy(comparison_key=key)
        # scim2-models forgets a subscripted class that nobody holds, and then builds it again.
        self._filters = {name: ScimFilter[each.model] for name, each in self.kinds.items()}  # type: ignore[name-defined]

    # What is seen.

    def seen(self, actor: Actor, kind: str) -> list[Kept]:
        """Return what a connection sees of a kind, in the order of the ids."""
        found = (each for each in self.kept.values() if each.kind == kind and self._sees(actor, each))
        return sorted(found, key=lambda each: each.id)

    def find(self, actor: Actor, kind: str, resource_id: str) -> Kept | None:
        """Return a resource of a kind that a connection sees."""
        kept = self.kept.get(resource_id)
        return kept if kept is not None and kept.kind == kind and self._sees(actor, kept) else None

    def _sees(self, actor: Actor, kept: Kept) -> bool:
        # docs/decisions.md: a connection sees the groups that it made; users are everybody's.
        return kept.kind == "User" or kept.owner == actor.name

    def _display(self, kept: Kept) -> str:
        document = kept.document
        names = (document.get("displayName"), document.get("name", {}).get("formatted"), document.get("userName"))
        return next((name for name in names if name), kept.id)

    def _groups(self, actor: Actor, user_id: str) -> list[Json]:
        """Return the groups of a user (RFC 7643 §4.1.2), found by walking up from the direct ones."""
        groups = self.seen(actor, "Group")
        direct = {each.id for each in groups if user_id in each.members}
        found, further = set(direct), set(direct)
        while further:
            further = {each.id for each in groups if each.members & further} - found
            found |= further
        return [
            {
                "value": each.id,
                "$ref": f"{self.base}/Groups/{each.id}",
                "display": self._display(each),
                "type": "direct" if each.id in direct else "indirect",
            }
            for each in groups
            if each.id in found
        ]

    def full(self, actor: Actor, kept: Kept) -> Json:
        """Return a resource as it is answered, its version and moments aside where none was seen yet."""
        shown: Json = {"id": kept.id, "schemas": self._schemas(kept), **kept.document}
        if kept.kind == "User":
            shown["active"] = kept.active
            groups = self._groups(actor, kept.id)
            shown |= {"groups": groups} if groups else {}
        elif kept.members:
            shown["members"] = [self._member(self.kept[each]) for each in sorted(kept.members)]
        shown["meta"] = {"resourceType": kept.kind, "location": self.location(kept)}
        moments = {"created": kept.created, "lastModified": kept.modified}
        shown["meta"] |= {name: moment for name, moment in moments.items() if moment is not None}
        return shown

    def location(self, kept: Kept) -> str:
        """Return the URI of a resource."""
        return f"{self.base}/{kept.kind}s/{kept.id}"

    def _member(self, member: Kept) -> Json:
        display = self._display(member)
        return {"value": member.id, "$ref": self.location(member), "type": member.kind, "display": display}

    def _schemas(self, kept: Kept) -> list[str]:
        definition = self.kinds[kept.kind]
        extensions = (each.urn for each in definition.extensions.values())
        return [definition.urn, *(urn for urn in extensions if urn in kept.document)]

    def part(self, actor: Actor, kept: Kept, parameter: str, named: Sequence[str]) -> Json:
        """Return what ``attributes`` or ``excludedAttributes`` leave of a resource (RFC 7644 §3.9)."""
        definition, full = self.kinds[kept.kind], self.full(actor, kept)
        names = [re.sub(f"^{re.escape(definition.urn)}:", "", name, flags=re.IGNORECASE).lower() for name in named]
        always = {"id": full.pop("id")}
        full.pop("schemas")
        if names:
            full = part(full, names, keep=parameter == "attributes")
        extensions = [each.urn for each in definition.extensions.values() if each.urn in full]
        return {**always, "schemas": [definition.urn, *extensions], **full}

    def check(self, actor: Actor, kept: Kept, answered: Json) -> None:
        """Hold a whole resource in an answer to what it must be, and learn its version and moments from it."""
        expected, found = self.full(actor, kept), deepcopy(answered)
        tag, moments = found["meta"].pop("version"), {}
        for name in ("created", "lastModified"):
            moments[name] = found["meta"][name] if name in expected["meta"] else found["meta"].pop(name)
        assert unordered(found) == unordered(expected)
        assert moments["created"] <= moments["lastModified"], moments
        kept.created, kept.modified = moments["created"], moments["lastModified"]
        self.check_tag(actor, kept, tag)

    def check_tag(self, actor: Actor, kept: Kept, tag: str, *, with_groups: bool = True) -> None:
        """Hold a version to the last one seen: another one when something changed since, else the same."""
        matched = _TAG.fullmatch(tag)
        assert matched is not None, tag
        version, suffix = int(matched[1]), matched[2]
        if kept.version is None:
            assert version > kept.former_version, f"version {version} after {kept.former_version}"
            kept.version = version
        assert version == kept.version, f"version {version} where nothing changed since {kept.version}"
        # docs/decisions.md: the suffix stands for the groups that the answer carries.
        groups = self._groups(actor, kept.id) if with_groups and kept.kind == "User" else []
        assert bool(suffix) == bool(groups), tag
        if suffix:
            state = frozenset((each["value"], each["display"], each["type"]) for each in groups)
            assert self._suffixes.setdefault(suffix, state) == state, "one suffix for different groups"

    # What changes.

    def _changed(self, kept: Kept) -> None:
        kept.former_version, kept.version = kept.version or kept.former_version, None
        kept.modified = self.now

    def _read(self, actor: Actor, kind: str, body: Json) -> Json:
        """Return what a POST or PUT asks for, ``members`` as ids."""
        definition, body = self.kinds[kind], deepcopy(body)
        _check_schemas(actor, body.get("schemas"), definition)
        members = member_ids(body.pop("members", None) or [])
        body["schemas"] = [definition.urn, *(urn for urn in body if urn.lower() in definition.extensions)]
        if isinstance(body.get("active"), str):
            # NB: scim2-models takes "true" from everybody.
            if actor.strict or body["active"] not in _COERCED:
                raise Fault(400)
            body["active"] = _COERCED[body["active"]]
        try:
            document = oracle.created(definition, body, actor.policy)
        except oracle.Refusal:
            raise Fault(400) from None
        _check_named(document)
        read = {**assigned(document), "members": members}
        for name in ("active", "password"):
            if document.get(name) is not None or name in body:
                read[name] = document.get(name)
        return read

    def create(self, actor: Actor, kind: str, body: Json, resource_id: str) -> Kept:
        """Create a resource (RFC 7644 §3.3); it has members only once all of them are known to exist."""
        read = self._read(actor, kind, body)
        faults = self._faults(actor, kind, None, read)
        if not self._may_be_members(actor, read["members"], resource_id if kind == "Group" else None):
            faults.add(400)
        if faults:
            raise Fault(*faults)
        active = read.get("active") is not False if kind == "User" else None
        kept = Kept(
            resource_id, kind, actor.name, without_apart(read), self.now, self.now, active, set(read["members"])
        )
        self.kept[resource_id] = kept
        return kept

    def replace(self, actor: Actor, kind: str, resource_id: str, body: Json, if_match: str | None) -> Kept:
        """Replace a resource (RFC 7644 §3.5.1): what is left out goes, ``active`` and the password stay."""
        kept, faults = self._target(actor, kind, resource_id, if_match)
        try:
            read = self._read(actor, kind, body)
        except Fault as fault:
            raise Fault(*fault.statuses, *faults) from None
        faults |= self._faults(actor, kind, resource_id, read)
        if not self._may_be_members(actor, read["members"]):
            faults.add(400)
        if faults:
            raise Fault(*faults)
        assert kept is not None
        active = kept.active if read.get("active") is None else read["active"]
        self._store(kept, without_apart(read), active, set(read["members"]), touched="password" in read)
        return kept

    def patch(
        self, actor: Actor, kind: str, resource_id: str, operations: Sequence[Json], if_match: str | None
    ) -> Kept:
        """Apply a PATCH (RFC 7644 §3.5.2) as a whole or not at all."""
        kept, faults = self._target(actor, kind, resource_id, if_match)
        if kept is None:
            # Whether the operations can be read is checked before the resource is looked for.
            raise Fault(*faults, 400)
        members, apart, written = set(kept.members), False, []
        steps = MemberSteps(actor.strict, partial(self._may_be_members, actor), lambda each: self.kept[each].kind)
        try:
            for operation in operations:
                if kind == "Group":
                    operation, members = steps.apply(operation, members)
                apart = apart or operation.get("path") == "password"
                written += [operation] if operation and operation.get("path") != "password" else []
            document, active = self._patched(actor, kept, written)
        except (Fault, oracle.Refusal):
            raise Fault(*faults, 400) from None
        faults |= self._faults(actor, kind, resource_id, document)
        if faults:
            raise Fault(*faults)
        self._store(kept, without_apart(document), active, members, touched=apart)
        return kept

    def _patched(self, actor: Actor, kept: Kept, operations: Sequence[Json]) -> tuple[Json, bool | None]:
        definition = self.kinds[kept.kind]
        whole = {"schemas": self._schemas(kept), **kept.document}
        if kept.kind == "User":
            whole["active"] = kept.active
        if not operations:
            return whole, kept.active
        for operation in operations:
            _check_path(definition, (operation.get("path") or definition.urn).lower())
        operations = [_coerced(actor, operation) for operation in operations]
        patched = oracle.patched(definition, whole, operations, actor.policy)
        # NB: a PATCH may not leave what a POST may not create; scim2-models lets it.
        oracle.created(definition, patched, oracle.TOLERANT)
        _check_named(patched)
        # docs/decisions.md: active stays when it is removed.
        active = kept.active if patched.get("active") is None else patched["active"]
        return assigned(patched), active

    def delete(self, actor: Actor, kind: str, resource_id: str, if_match: str | None) -> None:
        """Delete a resource; whatever it was a member of has changed."""
        kept, faults = self._target(actor, kind, resource_id, if_match)
        if faults or kept is None:
            raise Fault(*faults)
        del self.kept[resource_id]
        self.deleted.append(resource_id)
        for each in self.kept.values():
            if resource_id in each.members:
                each.members.discard(resource_id)
                self._changed(each)

    def _target(self, actor: Actor, kind: str, resource_id: str, if_match: str | None) -> tuple[Kept | None, set[int]]:
        kept = self.find(actor, kind, resource_id)
        if kept is None:
            return None, {404}
        versions = {found[1] for found in _TAG.finditer(if_match or "")}
        stale = if_match not in (None, "*") and str(kept.version) not in versions
        return kept, {412} if stale else set()

    def _faults(self, actor: Actor, kind: str, resource_id: str | None, read: Json) -> set[int]:
        """Return 409 where the unique attribute has a value that is taken, among the groups of one connection."""
        name = "userName" if kind == "User" else "displayName"
        others = (each for each in self.seen(actor, kind) if each.id != resource_id)
        key = user_name_key if kind == "User" else text_key
        return {409} if any(key(each.document[name]) == key(read[name]) for each in others) else set()

    def _may_be_members(self, actor: Actor, ids: Iterable[str], own_id: str | None = None) -> bool:
        return all(each == own_id or self._exists(actor, each) for each in ids)

    def _exists(self, actor: Actor, resource_id: str) -> bool:
        kept = self.kept.get(resource_id)
        return kept is not None and self._sees(actor, kept)

    def add_members(self, actor: Actor, kept: Kept, ids: Iterable[str]) -> None:
        """Make resources members of a group."""
        if not self._may_be_members(actor, ids):
            raise Fault(400)
        self._store(kept, kept.document, kept.active, kept.members | set(ids), touched=False)

    def _store(self, kept: Kept, document: Json, active: bool | None, members: set[str], *, touched: bool) -> None:
        before = (unordered(kept.document), kept.active, kept.members)
        kept.document, kept.active, kept.members = document, active, members
        # A password cannot be compared with the former one, so writing it is a change.
        if touched or before != (unordered(document), active, members):
            self._changed(kept)

    # What is searched.

    def search(
        self, actor: Actor, kinds: Sequence[str], text: str | None, sort_by: str | None, *, descending: bool
    ) -> list[Kept]:
        """Return what a filter selects, in order (RFC 7644 §3.4.2): by id where nothing else decides."""
        shown = [(each, self.full(actor, each)) for kind in kinds for each in self.seen(actor, kind)]
        found = [(each, full) for each, full in shown if text is None or self._matches(each.kind, text, full, kinds)]
        found.sort(key=lambda pair: pair[0].id)
        if sort_by is not None:
            keys = {each.id: sort_key(self.kinds[each.kind], full, sort_by) for each, full in found}
            valued = [pair for pair in found if keys[pair[0].id] is not None]
            without = [pair for pair in found if keys[pair[0].id] is None]
            # sort() keeps the order of ties, in reverse too.
            valued.sort(key=lambda pair: keys[pair[0].id], reverse=descending)
            found = without + valued if descending else valued + without
        return [each for each, _ in found]

    def _matches(self, kind: str, text: str, full: Json, kinds: Sequence[str]) -> bool:
        # RFC 7644 §3.4.2.1: among several types, a filter on what one does not declare is false there.
        name = text.partition(" ")[0].partition(".")[0]
        if len(kinds) > 1 and name.lower() not in self.kinds[kind].attributes:
            return False
        with self._policy:
            return bool(self._filters[kind](text).match(self.kinds[kind].model.model_validate(full), strict=True))


def _check_schemas(actor: Actor, sent: Any, definition: ResourceDefinition) -> None:
    urns = {urn.lower() for urn in sent or ()}
    known = {definition.urn.lower(), *definition.extensions}
    if actor.strict and (definition.urn.lower() not in urns or urns - known):
        raise Fault(400)


def _check_named(document: Json) -> None:
    # NB: "" is no value of a required attribute; scim2-models takes it for one.
    if "" in (document.get("userName"), document.get("displayName") if "userName" not in document else None):
        raise Fault(400)


def _check_path(definition: ResourceDefinition, path: str) -> None:
    """Refuse a path that names no attribute, in every profile; scim2-models ignores it as it ignores such a key."""
    attributes, name = definition.attributes, path.removeprefix(f"{definition.urn.lower()}:")
    for urn, extension in definition.extensions.items():
        if path.startswith(urn):
            attributes, name = extension.attributes, path[len(urn) + 1 :]
    if name and name != definition.urn.lower() and re.split(r"[.\[]", name)[0] not in attributes:
        raise Fault(400)


def _coerced(actor: Actor, operation: Json) -> Json:
    """Return an operation on ``active`` with a boolean in it, as Entra ID means it."""
    if operation.get("path") != "active" or not isinstance(operation.get("value"), str):
        return operation
    if actor.strict or operation["value"] not in _COERCED:
        raise Fault(400)
    return {**operation, "value": _COERCED[operation["value"]]}
