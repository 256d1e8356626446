"""Mapping what an identity provider says of people to roles and customer groups."""

from dataclasses import dataclass

from scim2_models import ConflictException, InvalidValueException

from scim_server.actions.authority import Guard, guarded
from scim_server.actions.effects import Effect, effects_of
from scim_server.actions.groups import check_is_open, reachable
from scim_server.actions.organizations import get_connection
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.role_values import MAX_LENGTH, role_key
from scim_server.store.groups import get_group
from scim_server.store.mappings import (
    Mapping,
    Source,
    delete_mapping,
    find_pushed_group,
    get_mapping,
    insert_mapping,
)
from scim_server.store.session import Tenant, new_id
from scim_server.store.trail import record

MAX_PREVIEWED = 1_000
"""How many people a preview shows at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mapping to make: of a group by its id or exact name, or of a value of ``roles``."""

    connection: str
    source: Source
    value: str
    group_id: str


def create_mapping(tenant: Tenant, wanted: Wanted) -> Mapping:
    """Let what a connection says give a role or a customer group to whom it says it of.

    :raises UnknownError: When there is no such connection.
    :raises ConflictException: When the group is a team, or a role that only so many can have.
    :raises UniquenessException: When there is the same mapping already.
    """
    with guarded(tenant) as guard:
        return _create(tenant, guard, wanted)


def _create(tenant: Tenant, guard: Guard, wanted: Wanted) -> Mapping:
    connection = get_connection(tenant, wanted.connection)
    group = get_group(tenant, wanted.group_id)
    if group.kind == "team":
        raise ConflictException(detail="a mapping gives a role or a customer group; add members to a team by hand")
    check_is_open(tenant, guard.profile, group)
    guard.give(reachable(tenant, guard.profile, group.id))
    value, display = _compared(tenant, connection.id, wanted)
    who = (tenant.now, tenant.author)
    mapping = Mapping(new_id(), connection.id, wanted.source, value, display, group.id, *who)
    insert_mapping(tenant, mapping)
    changes = {"connection": connection.name, wanted.source: display, "group": group.id}
    record(tenant, "mapping.create", "Mapping", mapping.id, {name: {"to": each} for name, each in changes.items()})
    return mapping


def _compared(tenant: Tenant, connection_id: str, wanted: Wanted) -> tuple[str, str]:
    """Return what a mapping compares, and what people read for it."""
    if wanted.source == "group":
        display = find_pushed_group(tenant, connection_id, wanted.value)
        if display is not None:
            return wanted.value, display
        key = attribute_key(wanted.value, tenant.catalog.by_name("Group").attributes["displayname"])
    else:
        key = role_key(wanted.value)
    if not 0 < len(key) <= MAX_LENGTH:
        raise InvalidValueException(detail=f"value must have 1 to {MAX_LENGTH} characters")
    return key, wanted.value


def remove_mapping(tenant: Tenant, mapping_id: str) -> None:
    """Let what was mapped give nothing any more.

    :raises NotFoundException: When there is none of that id.
    """
    with guarded(tenant):
        _remove(tenant, mapping_id)


def _remove(tenant: Tenant, mapping_id: str) -> None:
    mapping = get_mapping(tenant, mapping_id)
    delete_mapping(tenant, mapping_id)
    changes: dict[str, str] = {mapping.source: mapping.display, "group": mapping.group_id}
    record(tenant, "mapping.delete", "Mapping", mapping_id, {name: {"from": each} for name, each in changes.items()})


def preview(tenant: Tenant, wanted: Wanted | None, removed_id: str | None) -> list[Effect]:
    """Return, person by person, what a change of mappings would give and take; nothing is changed.

    :param wanted: A mapping to make; ``removed_id`` is that of one to remove.
    """
    with guarded(tenant) as guard:
        group_ids = [wanted.group_id] if wanted else []
        group_ids += [get_mapping(tenant, removed_id).group_id] if removed_id else []

        def change() -> None:
            if removed_id:
                _remove(tenant, removed_id)
            if wanted:
                _create(tenant, guard, wanted)

        return effects_of(tenant, guard, group_ids, change, limit=MAX_PREVIEWED)
