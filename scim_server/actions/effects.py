"""What a change gives and takes, person by person, seen before it is made: it is made, looked at, and undone."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from scim_server.actions.authority import Guard, guarded, holdings
from scim_server.protocol.permissions import effective
from scim_server.store.permissions import list_holders
from scim_server.store.session import Tenant, savepoint


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change gives one member, and what it takes.

    A permission is ``name@scope``, a customer group ``customerGroup:name``.
    """

    member_id: str
    display: str | None
    gives: tuple[str, ...]
    takes: tuple[str, ...]


def preview_change(
    tenant: Tenant, group_id: str, action: Callable[[Tenant], object], *, limit: int = 100
) -> list[Effect]:
    """Return what an action on a group would give its members with access, and take; nothing is changed.

    What the action refuses, it refuses here.

    :param limit: How many members are looked at.
    """
    with guarded(tenant) as guard:
        return effects_of(tenant, guard, [group_id], lambda: action(tenant), limit=limit)


class _UndoneError(Exception):
    """Ends a preview."""


def effects_of(
    tenant: Tenant, guard: Guard, group_ids: Sequence[str], change: Callable[[], object], *, limit: int
) -> list[Effect]:
    """Return what a change would give and take who is in groups before it or after; the change is undone."""
    members = _holders(tenant, group_ids, limit)
    after: dict[str, _Shown] = {}
    with suppress(_UndoneError), savepoint(tenant):
        change()
        members |= _holders(tenant, group_ids, limit)
        after = _permissions_of(tenant, guard, members)
        raise _UndoneError
    return _effects(_permissions_of(tenant, guard, members), after)


_Shown = tuple[str | None, frozenset[str]]


def _holders(tenant: Tenant, group_ids: Sequence[str], limit: int) -> dict[str, str | None]:
    holders = list_holders(tenant, group_ids, only_active=True, limit=limit)
    return {identifier: display for identifier, display, _ in holders}


def _permissions_of(tenant: Tenant, guard: Guard, members: dict[str, str | None]) -> dict[str, _Shown]:
    """Return what members have."""
    found: dict[str, _Shown] = {}
    for member_id, display in members.items():
        held = holdings(tenant, guard.profile, guard.organization, member_id)
        groups = {f"{each.kind}:{each.display}" for each in held if each.kind == "customerGroup"}
        scopes = effective(held, guard.profile).items()
        found[member_id] = (display, frozenset(groups | {f"{name}@{scope}" for name, scope in scopes}))
    return found


def _effects(before: dict[str, _Shown], after: dict[str, _Shown]) -> list[Effect]:
    effects = []
    for member_id, (display, holds) in sorted(after.items()):
        held = before[member_id][1]
        if holds != held:
            effects.append(Effect(member_id, display, tuple(sorted(holds - held)), tuple(sorted(held - holds))))
    return effects
