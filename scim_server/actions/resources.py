"""Create, replace, patch and delete resources (RFC 7644 §3.3, §3.5, §3.6).

What a request says is read by a ``prepare`` function before the transaction, and may be applied
more than once: a deadlock runs the action again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from scim2_models import InvalidValueException

from scim_server.actions.passwords import digest_chosen
from scim_server.actions.portals import organization_of
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.comparison import prepared_password
from scim_server.protocol.documents import KEPT, Document, Parts, read_resource, split, with_schemas
from scim_server.protocol.member_dates import MEMBER_USER_URN, dates_of
from scim_server.protocol.members import AddMembers, MemberStep, ReplaceMembers
from scim_server.protocol.patch import Patch, read_patch
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.projection import Projection
from scim_server.protocol.provisioning import DEFAULT_PROVISIONING
from scim_server.protocol.replies import StoredResource, check_version
from scim_server.protocol.writes import apply_writes, keep_immutable, same_documents
from scim_server.store.calendar import midnight, zone_of
from scim_server.store.groups import OWN_NAMESPACES, find_group, get_group, move_group
from scim_server.store.memberships import apply_step
from scim_server.store.passwords import clear_password, digest_password, set_password
from scim_server.store.resources import (
    GroupPlace,
    LockedResource,
    as_stored,
    delete_resource,
    find_namesake,
    get_resource,
    insert_resource,
    insert_tombstone,
    lock_resource,
    touch_resource,
    update_resource,
    update_unlocked,
)
from scim_server.store.session import Credentials, Store, Tenant, attempt, new_id
from scim_server.store.trail import record

MAX_PASSWORD_LENGTH = 1_000
MAX_PASSWORDS = 10
"""How many passwords one request sets at most: each takes some 30 ms of a processor."""


_BESIDE = ("roles", MEMBER_USER_URN)
"""The attributes of users from which more rows follow than one statement writes."""


class Digests:
    """The passwords of one request as digests.

    :param chosen: Whether the person chose it here, and it is long enough for that; what an identity provider sends
        follows its own rules.
    """

    def __init__(self, *, chosen: bool = False) -> None:
        self._made = 0
        self._chosen = chosen

    def digest(self, password: Any) -> Any:
        """Return the digest of a password; what is none stays as it is.

        :raises InvalidValueException: When it is too short or too long, or the request has set enough of them.
        """
        if not isinstance(password, str):
            return password
        if not self._chosen and not 0 < len(password) <= MAX_PASSWORD_LENGTH:
            raise InvalidValueException(detail=f"password must have 1 to {MAX_PASSWORD_LENGTH} characters")
        self._made += 1
        if self._made > MAX_PASSWORDS:
            raise InvalidValueException(detail=f"one request sets at most {MAX_PASSWORDS} passwords")
        return digest_chosen(password) if self._chosen else digest_password(prepared_password(password))


@dataclass(frozen=True, slots=True)
class _State:
    """The state a resource is to have, beside its members."""

    document: Document
    active: bool | None
    password: Any


def prepare(
    payload: Mapping[str, Any], definition: ResourceDefinition, leniences: Leniences, digests: Digests | None = None
) -> Parts:
    """Return what a POST or PUT asks for, its password as a digest.

    :param digests: Those of the request, where it has other operations.
    :raises InvalidValueException: When a value does not fit; see :func:`read_resource`.
    """
    parts = split(read_resource(payload, definition, leniences), definition)
    if parts.password is KEPT:
        return parts
    return replace(parts, password=(digests or Digests()).digest(parts.password))


def prepare_patch(
    payload: Mapping[str, Any],
    definition: ResourceDefinition,
    resource_id: str,
    leniences: Leniences,
    digests: Digests | None = None,
) -> Patch:
    """Return what a PATCH asks for, passwords as digests; see :func:`read_patch`."""
    patch = read_patch(payload, definition, resource_id, leniences)
    if not definition.is_user or not patch.writes:
        return patch
    password, made = definition.attributes["password"], digests or Digests()
    writes = tuple(
        replace(write, value=made.digest(write.value)) if write.target.attribute is password else write
        for write in patch.writes
    )
    return replace(patch, writes=writes)


def create(
    tenant: Tenant, definition: ResourceDefinition, parts: Parts, resource_id: str | None = None
) -> StoredResource:
    """Create a resource; ``active`` is true unless it was sent as false, or left out for who starts on a later day.

    Where the connection says so, the user who has that userName already is taken instead.

    :param resource_id: Its id, where one was chosen before.
    :raises UniquenessException: When its unique attribute has a value that is taken.
    :raises InvalidValueException: When a member does not exist.
    """
    taken = _take_namesake(tenant, definition, parts)
    if taken is not None:
        return taken
    resource_id = resource_id or new_id()
    active = _begins_active(tenant, parts) if definition.has_active else None
    stored = insert_resource(tenant, definition, resource_id, parts.document, active)
    if isinstance(parts.password, str):
        set_password(tenant, resource_id, parts.password)
    added, _ = apply_step(tenant, resource_id, AddMembers(parts.members)) if parts.members else ((), ())
    changes = _changes({}, parts.document, None, active, parts.password)
    record(tenant, _verb(definition, "create"), definition.name, resource_id, changes, added=added)
    return stored


def create_at_once(
    store: Store, credentials: Credentials, definition: ResourceDefinition, parts: Parts
) -> StoredResource | None:
    """Do what :func:`create` does in one statement, a transaction of its own; None where it takes several."""
    beside = parts.members or isinstance(parts.password, str) or parts.document.get("roles")
    if beside or MEMBER_USER_URN in parts.document or not store.writes_at_once:
        return None

    def action(tenant: Tenant) -> StoredResource | None:
        if tenant.provisioning != DEFAULT_PROVISIONING:
            return None
        resource_id = new_id()
        active = parts.active is not False if definition.has_active else None
        changes = _changes({}, parts.document, None, active, parts.password)
        record(tenant, _verb(definition, "create"), definition.name, resource_id, changes)
        return insert_resource(tenant, definition, resource_id, parts.document, active, at_once=True)

    return attempt(store, credentials, action)


def _begins_active(tenant: Tenant, parts: Parts) -> bool:
    return parts.active is not False and (parts.active is True or not starts_later(tenant, parts.document))


def starts_later(tenant: Tenant, document: Document) -> bool:
    """Return whether a user has a first day that has not come yet.

    :raises InvalidValueException: When it is no date.
    """
    start = dates_of(document).start
    return start is not None and midnight(start, zone_of(tenant)) > tenant.now


def _take_namesake(tenant: Tenant, definition: ResourceDefinition, parts: Parts) -> StoredResource | None:
    """Reactivate or adopt the user who has the userName sent, where the connection's rules say so."""
    rules = tenant.provisioning
    if not definition.is_user or (rules.on_inactive, rules.on_existing) == ("refuse", "refuse"):
        return None
    found = find_namesake(tenant, definition, parts.document)
    if found is None:
        return None
    locked, managed_by = found
    own = managed_by == tenant.connection_id
    if not (rules.on_existing == "adopt" and not own) and not (
        rules.on_inactive == "reactivate" and own and locked.active is False
    ):
        return None  # The database refuses it.
    old = orjson.loads(locked.document)
    # What another hand wrote and this client did not send stays.
    document = parts.document if own else with_schemas(_merged(old, parts.document, definition), definition)
    state = _State(document, parts.active is not False, parts.password)
    return _store(tenant, definition, locked, old, state, (), "reactivate" if own else "adopt", adopt=True)


def _merged(old: Document, sent: Document, definition: ResourceDefinition) -> Document:
    """Return a document with what was sent in place of what it held, attribute by attribute."""
    urns = {extension.urn for extension in definition.extensions.values()}
    parts = {urn: {**old[urn], **sent[urn]} for urn in urns if urn in old and urn in sent}
    return {**old, **sent, **parts}


def replace_resource(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, parts: Parts, if_match: str | None
) -> StoredResource:
    """Replace a resource (RFC 7644 §3.5.1): what is left out is cleared, but ``active`` and the password.

    :raises NotFoundException: When there is none; a PUT never creates.
    :raises PreconditionFailedException: When ``if_match`` names another version.
    :raises MutabilityException: When an immutable attribute would change.
    :raises UniquenessException: When its unique attribute has a value that is taken.
    """
    locked = _locked(tenant, definition, resource_id, if_match, parts.members)
    steps = (ReplaceMembers(parts.members),) if definition.is_group else ()
    old, state = _replaced(locked, parts, definition)
    return _store(tenant, definition, locked, old, state, steps, "replace")


def _replaced(
    old: LockedResource | StoredResource, parts: Parts, definition: ResourceDefinition
) -> tuple[Document, _State]:
    """Return the document of a resource, and the state that a PUT gives it."""
    former = orjson.loads(old.document)
    document = keep_immutable(former, parts.document, definition)
    return former, _State(document, old.active if parts.active is None else parts.active, parts.password)


def patch_resource(
    tenant: Tenant,
    definition: ResourceDefinition,
    resource_id: str,
    patch: Patch,
    if_match: str | None,
    leniences: Leniences,
) -> StoredResource:
    """Apply a PATCH (RFC 7644 §3.5.2) as a whole; one that changes nothing leaves the version as it is.

    :raises NotFoundException: When there is no such resource.
    :raises PreconditionFailedException: When ``if_match`` names another version.
    :raises SCIMException: When a step fails; see :func:`apply_writes` and :func:`apply_step`.
    """
    joining = [
        each for step in patch.member_steps if isinstance(step, AddMembers | ReplaceMembers) for each in step.ids
    ]
    locked = _locked(tenant, definition, resource_id, if_match, joining)
    old, state = _patched(locked, patch, definition, leniences)
    return _store(tenant, definition, locked, old, state, patch.member_steps, "patch")


def _patched(
    old: LockedResource | StoredResource, patch: Patch, definition: ResourceDefinition, leniences: Leniences
) -> tuple[Document, _State]:
    """Return the document of a resource, and the state that a PATCH gives it."""
    resource = orjson.loads(old.document)
    if definition.has_active:
        resource["active"] = old.active
    parts = split(apply_writes(resource, patch.writes, definition, leniences), definition)
    # NB: removing active or setting it to null keeps it: nobody regains access by what was left out.
    active = old.active if parts.active is None else parts.active
    return orjson.loads(old.document), _State(parts.document, active, parts.password)


def change_at_once(
    store: Store,
    credentials: Credentials,
    definition: ResourceDefinition,
    resource_id: str,
    asked: Parts | Patch,
    if_match: str | None,
    projection: Projection,
    leniences: Leniences,
) -> StoredResource | None:
    """Do what :func:`replace_resource` and :func:`patch_resource` do without a transaction.

    What changes is written in one statement, which finds the version that was read or nothing.

    :return: None where it takes a transaction: for members, passwords and dates, or after somebody else came between.
    """
    if definition.is_group or not store.writes_at_once:
        return None

    def action(tenant: Tenant) -> StoredResource | None:
        read = get_resource(tenant, definition, resource_id, projection)
        check_version(read.version, if_match)
        if isinstance(asked, Parts):
            verb, (old, state) = "replace", _replaced(read, asked, definition)
        else:
            verb, (old, state) = "patch", _patched(read, asked, definition, leniences)
        if state.password is not KEPT or any(old.get(name) != state.document.get(name) for name in _BESIDE):
            return None
        if read.active == state.active and same_documents(old, state.document):
            return read
        changes = _changes(old, state.document, read.active, state.active, state.password)
        record(tenant, _verb(definition, verb), definition.name, read.id, changes)
        return update_unlocked(tenant, definition, read, state.document, state.active)

    return attempt(store, credentials, action)


def delete(tenant: Tenant, definition: ResourceDefinition, resource_id: str, if_match: str | None) -> None:
    """Delete a resource (RFC 7644 §3.6), leaving no membership behind, and a tombstone by setting.

    :raises NotFoundException: When there is no such resource.
    :raises PreconditionFailedException: When ``if_match`` names another version.
    """
    if definition.is_group and _is_granted(tenant, resource_id):
        _give_back(tenant, definition, resource_id, if_match)
        return
    locked = delete_resource(tenant, definition, resource_id)
    check_version(locked.version, if_match)
    if definition.is_user and (tenant.provisioning.on_delete == "soft" or not _deletes_for_good(tenant)):
        insert_tombstone(tenant, definition, locked)
    unique = definition.unique_attribute
    changes = {unique.name: {"from": orjson.loads(locked.document).get(unique.name)}} if unique else {}
    record(tenant, _verb(definition, "delete"), definition.name, resource_id, changes)


def _deletes_for_good(tenant: Tenant) -> bool:
    """Return whether the portal keeps nothing of who is deleted; one whose profile is gone is not known to."""
    profile = tenant.portals.get(organization_of(tenant).portal)
    return profile is not None and profile.policy.deletion != "archive"


def _is_granted(tenant: Tenant, group_id: str) -> bool:
    """Return whether the connection that acts fills a group that the organization made."""
    if tenant.connection_id is None:
        return False
    group = find_group(tenant, group_id)
    return group is not None and group.connection_id == tenant.connection_id and not group.is_pushed


def _give_back(tenant: Tenant, definition: ResourceDefinition, group_id: str, if_match: str | None) -> None:
    """Let a connection delete what it was granted for itself alone: the group stays, empty, the organization's."""
    locked = _locked(tenant, definition, group_id, if_match)
    _, removed = apply_step(tenant, group_id, ReplaceMembers(()))
    group = get_group(tenant, group_id)
    move_group(tenant, group, GroupPlace(group.kind, OWN_NAMESPACES[group.kind]))
    changes = {"connection": {"from": group.connection_id, "to": None}}
    record(tenant, "group.grant", definition.name, group_id, changes, removed=removed)
    touch_resource(tenant, locked, at_once=False)


def _locked(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, if_match: str | None, joining: Sequence[str] = ()
) -> LockedResource:
    locked = lock_resource(tenant, definition, resource_id, joining)
    check_version(locked.version, if_match)
    return locked


def _store(
    tenant: Tenant,
    definition: ResourceDefinition,
    locked: LockedResource,
    old: Document,
    state: _State,
    steps: Sequence[MemberStep],
    verb: str,
    *,
    adopt: bool = False,
) -> StoredResource:
    """Store a new state where it differs from the old one, and say so in the trail."""
    added, removed = _apply_steps(tenant, locked.id, steps)
    changed = locked.active != state.active or not same_documents(old, state.document)
    if not (changed or adopt or added or removed) and state.password is KEPT:
        return as_stored(locked)
    if state.password is None:
        clear_password(tenant, locked.id)
    elif isinstance(state.password, str):
        set_password(tenant, locked.id, state.password)
    changes = _changes(old, state.document, locked.active, state.active, state.password)
    alone = not tenant.at_end  # In a bulk, what the operations before this one have left stays for the end.
    record(tenant, _verb(definition, verb), definition.name, locked.id, changes, added=added, removed=removed)
    if changed or adopt:
        return update_resource(tenant, definition, locked, state.document, state.active, adopt=adopt)
    return touch_resource(tenant, locked, at_once=alone)


def _apply_steps(tenant: Tenant, group_id: str, steps: Sequence[MemberStep]) -> tuple[Sequence[str], Sequence[str]]:
    """Apply steps in their order; return whom they added and removed in the end."""
    net: dict[str, int] = {}
    for step in steps:
        added, removed = apply_step(tenant, group_id, step)
        for ids, sign in ((removed, -1), (added, 1)):
            for identifier in ids:
                net[identifier] = net.get(identifier, 0) + sign
    return (
        [identifier for identifier, sign in net.items() if sign > 0],
        [identifier for identifier, sign in net.items() if sign < 0],
    )


def _changes(
    old: Document, new: Document, was_active: bool | None, active: bool | None, password: Any
) -> dict[str, Any]:
    """Return the changed attributes with their former and present values; of a password, only that it changed."""
    before, after = ({**old, "active": was_active}, {**new, "active": active})
    names = [name for name in (*before, *(name for name in after if name not in before)) if name != "schemas"]
    changes: dict[str, Any] = {}
    for name in names:
        if before.get(name) != after.get(name):
            changes[name] = {
                key: value[name] for key, value in (("from", before), ("to", after)) if value.get(name) is not None
            }
    if password is not KEPT:
        changes["password"] = "cleared" if password is None else "set"
    return changes


def _verb(definition: ResourceDefinition, verb: str) -> str:
    return f"{definition.name[0].lower()}{definition.name[1:]}.{verb}"
