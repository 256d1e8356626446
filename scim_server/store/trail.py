"""The trail: who did what to what, written in the transaction of the change itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, insert

from scim_server.store.prepared import Prepared
from scim_server.store.session import Tenant, new_id
from scim_server.store.tables import trail

_INSERT = Prepared(insert(trail).values({column.name: bindparam(column.name) for column in trail.c}))

MEMBERS_PER_ROW = 1_000
"""How many ids one row of the trail holds; a change of more members is several rows."""


def record(
    tenant: Tenant,
    action: str,
    resource_type: str,
    resource_id: str,
    changes: Mapping[str, Any],
    *,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
) -> None:
    """Write what an actor did, with the changed attributes; the caller leaves secrets out.

    :param action: The verb on the kind of resource, such as ``user.create``.
    :param added: Ids that became members, ``removed`` those that ceased to be.
    """
    rows: list[dict[str, Any]] = [
        {
            "org_id": tenant.org_id,
            "id": new_id(),
            "at": tenant.now,
            "actor_kind": tenant.actor.kind,
            "actor_id": tenant.actor.id,
            "connection_id": tenant.connection_id,
            "request_id": tenant.request_id or None,
            "action": action,
            "resource_type": resource_type,
            "resource_id": resource_id,
            "changes": part,
        }
        for part in _parts(changes, added, removed)
    ]
    for row in rows:
        _INSERT.run(tenant.db, **row)


def _parts(changes: Mapping[str, Any], added: Sequence[str], removed: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    if not added and not removed:
        yield changes
        return
    moves = [("added", each) for each in added] + [("removed", each) for each in removed]
    for first in range(0, len(moves), MEMBERS_PER_ROW):
        members: dict[str, list[str]] = {}
        for name, member_id in moves[first : first + MEMBERS_PER_ROW]:
            members.setdefault(name, []).append(member_id)
        yield {**(changes if first == 0 else {}), "members": members}
