"""Rows of a CSV file: whom each is about, what it is to do, and the doing of it, for verification and import alike.

Whom a row is about follows from the userName, or else the externalId, as the directory was before the batch; two rows
of a file are never about one member, so that their order and the batches make no difference.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scim2_models import SCIMException

from scim_server.actions.authority import Guard
from scim_server.actions.groups import change_group_members
from scim_server.actions.members import Access, change_member, create_member
from scim_server.actions.portals import portal_of
from scim_server.actions.resources import prepare, prepare_patch
from scim_server.protocol.catalog import USER_URN
from scim_server.protocol.csv_records import Record, is_blank
from scim_server.protocol.member_csv import (
    GROUP_COLUMNS,
    IDENTITY_COLUMNS,
    CellFault,
    Cells,
    attribute_changes,
    cells_of,
    differing,
    faults_of,
    read_active,
    read_cells,
    split_names,
    steps_of,
)
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.columns import MAX_KEY_BYTES
from scim_server.store.connections import list_connections
from scim_server.store.imports import ImportRow, Verdict, rows_about
from scim_server.store.member_rows import GroupPaths, GroupRow, MemberRow, group_names, keys_of, match_members
from scim_server.store.session import Tenant

_SHOWN = 20
"""How many names that are accepted a fault lists."""

_COLUMNS_OF = {
    "userName": "userName",
    "externalId": "externalId",
    "emails": "email",
    "phoneNumbers": "phone",
    "name.givenName": "givenName",
    "name.familyName": "familyName",
    "name.honorificPrefix": "honorificPrefix",
    "title": "title",
    "preferredLanguage": "preferredLanguage",
    f"{MEMBER_USER_URN}:startDate": "startDate",
    f"{MEMBER_USER_URN}:endDate": "endDate",
    "active": "active",
    "the member is": "active",
}
"""The column of each attribute that the error of an action begins with."""


_NAME_COLUMNS = ("givenName", "familyName", "honorificPrefix")


class GroupRefusedError(SCIMException):
    """Who is in a group cannot be changed as a row has it; ``column`` is the one that names the group."""

    def __init__(self, column: str, refusal: SCIMException) -> None:
        super().__init__(detail=refusal.detail)
        self.column = column


@dataclass(slots=True)
class PlannedRow:
    """A row and what is found about it step by step.

    ``cells`` are those that the row changes; ``joining`` and ``leaving`` are ids of groups with the column of each.
    """

    number: int
    texts: Cells
    faults: list[CellFault]
    member: MemberRow | None = None
    current: Cells = field(default_factory=dict)
    cells: Cells = field(default_factory=dict)
    joining: dict[str, str] = field(default_factory=dict)
    leaving: dict[str, str] = field(default_factory=dict)
    by_user_name: bool = False
    unique_key: str | None = None
    external_id: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What the row is to do."""
        if self.faults:
            return "fault"
        if self.member is None:
            return "create"
        return "change" if self.cells else "leave"

    def as_stored(self) -> ImportRow:
        """Return the row as a verification keeps it."""
        changes = None
        if self.verdict == "change":
            changes = {
                column: {"from": self.current[column], "to": text} for column, text in sorted(self.cells.items())
            }
        display = self.texts.get("userName") or self.texts.get("externalId") or None
        user_id = self.member.id if self.member else None
        return ImportRow(self.number, self.verdict, display, self.unique_key, self.external_id, user_id, changes)

    def has_fault(self, column: str) -> bool:
        """Return whether something is wrong with a column already."""
        return any(fault.column == column for fault in self.faults)

    def refuse(self, column: str | None, detail: str) -> None:
        """Note what is wrong."""
        self.faults.append(CellFault(column, detail))


def plan_rows(tenant: Tenant, import_id: str, columns: Sequence[str], records: Sequence[Record]) -> list[PlannedRow]:
    """Return what the rows of a batch are to do, without those that are blank."""
    rows = []
    for record in records:
        if record.fault is not None:
            rows.append(PlannedRow(record.number, {}, [CellFault(None, record.fault)]))
        elif not is_blank(record.cells):
            rows.append(PlannedRow(record.number, *read_cells(columns, record.cells)))
    _match(tenant, rows)
    paths = GroupPaths(tenant)
    _read_current(rows, paths)
    _read_groups(tenant, rows, paths)
    connections = {each.id: each.name for each in list_connections(tenant)}
    profile = portal_of(tenant)
    for row in rows:
        _compare(row, connections)
        _keep_rules(tenant, profile, row)
    _refuse_repeated(tenant, import_id, rows)
    return rows


def _match(tenant: Tenant, rows: Sequence[PlannedRow]) -> None:
    """Find whom each row is about."""
    names = [_bounded(row, "userName") for row in rows]
    keys = keys_of(tenant.catalog.by_name("User"), names)
    external_ids = [_bounded(row, "externalId") for row in rows]
    found = match_members(tenant, list(filter(None, keys)), list(filter(None, external_ids)))
    by_key = {member.unique_key: member for member in found}
    by_external_id: dict[str | None, list[MemberRow]] = {}
    for member in found:
        by_external_id.setdefault(member.external_id, []).append(member)
    for row, key, external_id in zip(rows, keys, external_ids, strict=True):
        row.unique_key, row.external_id = key or None, external_id or None
        row.member = by_key.get(key) if key else None
        row.by_user_name = row.member is not None
        if row.member is None and external_id:
            same = by_external_id.get(external_id, [])
            row.member = same[0] if same else None
            if len(same) > 1:
                row.refuse("externalId", f"is that of {len(same)} members; give the userName of one of them")


def _bounded(row: PlannedRow, column: str) -> str:
    """Return the text of a cell that is looked up, nothing where it is longer than any that is kept."""
    text = row.texts.get(column, "")
    if len(text.encode()) <= MAX_KEY_BYTES:
        return text
    row.refuse(column, f"is longer than {MAX_KEY_BYTES} bytes")
    return ""


def _read_current(rows: Sequence[PlannedRow], paths: GroupPaths) -> None:
    """Read what the members have whom the rows are about."""
    members = {row.member.id: row.member for row in rows if row.member is not None}
    groups = paths.of_members(sorted(members))
    for row in rows:
        if row.member is None:
            row.cells = {column: text for column, text in row.texts.items() if text}
            continue
        held = groups[row.member.id]
        row.current = cells_of(row.member.document, row.member.active, group_names(paths, held))
        cells = differing(row.current, row.texts)
        row.leaving = {
            group.id: column
            for column, kind in GROUP_COLUMNS.items()
            if column in cells
            for group in held.get(kind, ())
        }
        row.cells = cells


def _read_groups(tenant: Tenant, rows: Sequence[PlannedRow], paths: GroupPaths) -> None:
    """Find the groups that the rows name."""
    definition = tenant.catalog.by_name("Group")
    named: dict[str, list[str]] = {}
    for row in rows:
        for column in GROUP_COLUMNS:
            for name in split_names(row.cells.get(column, "")):
                if name not in named:
                    named[name] = keys_of(definition, steps_of(name))
    paths.read_named(steps[-1] for steps in named.values() if steps)
    for row in rows:
        wanted: dict[str, str] = {}
        for column, kind in GROUP_COLUMNS.items():
            for name in split_names(row.cells.get(column, "")):
                group = _group(row, column, name, paths.named(kind, named[name]) if named[name] else [], paths)
                if group is not None:
                    wanted[group.id] = column
        held = row.leaving
        row.joining = {group_id: column for group_id, column in wanted.items() if group_id not in held}
        row.leaving = {group_id: column for group_id, column in held.items() if group_id not in wanted}
        if row.member is not None:
            _drop_same_groups(row, paths)


def _drop_same_groups(row: PlannedRow, paths: GroupPaths) -> None:
    """Leave out the columns that name the groups a member is in, only in other words."""
    moved = {*row.joining.values(), *row.leaving.values()}
    faulty = {fault.column for fault in row.faults}
    row.cells = {
        column: text
        for column, text in row.cells.items()
        if column not in GROUP_COLUMNS or column in moved or column in faulty
    }


def _group(row: PlannedRow, column: str, name: str, found: Sequence[GroupRow], paths: GroupPaths) -> GroupRow | None:
    """Return the group that a name stands for; where it is not one alone that the file can fill, say so."""
    shown, kind = repr(name[:100]), GROUP_COLUMNS[column]
    own = [each for each in found if each.connection is None]
    if len(own) == 1:
        return own[0]
    if own:
        ways = ", ".join(sorted(paths.path(each) for each in own)[:_SHOWN])
        row.refuse(column, f"names {shown}, of which there are several; accepted: {ways}")
    elif found:
        row.refuse(column, f"names {shown}, which the connection {found[0].connection!r} fills; change it there")
    else:
        examples = paths.examples(kind, _SHOWN)
        accepted = f"accepted: {', '.join(examples)}" if examples else "there is none yet; create it first"
        row.refuse(column, f"names {shown}, which is none of the organization; {accepted}")
    return None


def _compare(row: PlannedRow, connections: Mapping[str, str]) -> None:
    """Check what a row changes."""
    texts, member = row.cells, row.member
    if member is None:
        if not row.texts.get("userName") and not row.faults:
            row.refuse("userName", "is empty, and no member has that externalId; each member needs a userName")
    else:
        row.unique_key = row.unique_key or member.unique_key
        if row.by_user_name and "externalId" not in texts:
            row.external_id = None  # Several members may have one, and this row neither looks for it nor gives it.
        if member.managed_by is not None:
            connection = connections.get(member.managed_by, member.managed_by)
            for column in IDENTITY_COLUMNS:
                if column in texts:
                    had = row.current[column][:100]
                    row.refuse(column, f"is {had!r}: managed by the connection {connection!r}; change it there")
            texts = {column: text for column, text in texts.items() if column not in IDENTITY_COLUMNS}
    row.faults += faults_of(texts)


def _keep_rules(tenant: Tenant, profile: PortalProfile, row: PlannedRow) -> None:
    """Check what the portal's profile says of cells, so that the fault names the column."""
    if row.member is not None and profile.policy.name_after_creation == "frozen":
        for column in _NAME_COLUMNS:
            if column in row.cells and not row.has_fault(column):
                detail = f"is frozen in the portal profile {profile.name}: delete the member and create another"
                row.refuse(column, detail)
    if row.texts and row.verdict != "leave":
        for path in profile.policy.required:
            needed = _COLUMNS_OF.get(path)
            if needed and not row.has_fault(needed) and not row.cells.get(needed, row.current.get(needed)):
                row.refuse(needed, f"is required by the portal profile {profile.name}")
    if profile.policy.roles_per_member == "one" and len(split_names(row.cells.get("roles", ""))) > 1:
        row.refuse("roles", f"names several, and a member has one role in the portal profile {profile.name}")
    if tenant.actor.kind == "member" and row.member is not None and row.member.id == tenant.actor.id:
        for column in GROUP_COLUMNS:
            if column in row.cells:
                row.refuse(column, "is about yourself, and nobody changes their own rights; ask another administrator")


def _refuse_repeated(tenant: Tenant, import_id: str, rows: Sequence[PlannedRow]) -> None:
    """Let one row alone be about a member, the first one in the file."""
    if not rows:
        return
    keys, external_ids, user_ids = (
        sorted({value for row in rows if (value := _about(row)[place])}) for place in range(3)
    )
    taken: list[dict[str, int]] = [{}, {}, {}]
    for before in rows_about(tenant, import_id, rows[0].number, (keys, external_ids, user_ids)):
        for place, value in enumerate((before.unique_key, before.external_id, before.user_id)):
            if value is not None:
                taken[place][value] = before.number
    for row in rows:
        about = _about(row)
        repeated = [place for place in (2, 0, 1) if about[place] is not None and about[place] in taken[place]]
        if repeated:
            place = repeated[0]
            column = ("userName", "externalId", None)[place]
            row.refuse(column, f"is about the same member as row {taken[place][about[place] or '']}; keep one of them")
            row.unique_key = row.external_id = row.member = None
            continue
        for place, value in enumerate(about):
            if value is not None:
                taken[place][value] = row.number


def _about(row: PlannedRow) -> tuple[str | None, str | None, str | None]:
    return row.unique_key, row.external_id, row.member.id if row.member else None


def apply_rows(tenant: Tenant, guard: Guard, rows: Sequence[PlannedRow]) -> None:
    """Create and change the members whom rows without faults are about, all under one guard.

    :raises SCIMException: When an action refuses one of them.
    """
    columns: dict[str, str] = {}
    joining: dict[str, list[str]] = {}
    leaving: dict[str, list[str]] = {}
    for row in rows:
        member_id = _write(tenant, guard, row)
        columns |= row.joining | row.leaving
        for groups, moves in ((row.joining, joining), (row.leaving, leaving)):
            for group_id in groups:
                moves.setdefault(group_id, []).append(member_id)
    for group_id, column in sorted(columns.items()):
        try:
            change_group_members(tenant, group_id, joining.get(group_id, ()), leaving.get(group_id, ()), within=guard)
        except SCIMException as exc:
            raise GroupRefusedError(column, exc) from exc


def _write(tenant: Tenant, guard: Guard, row: PlannedRow) -> str:
    """Create or change a member, but for their groups; return their id."""
    definition, leniences = tenant.catalog.by_name("User"), Leniences(PROFILES["rfc"])
    cells = {column: text for column, text in row.cells.items() if column in IDENTITY_COLUMNS}
    active = read_active(cells.get("active", ""))
    if row.member is None:
        given = _assigned(attribute_changes({}, cells))
        payload = {"schemas": [USER_URN, *(name for name in given if name == MEMBER_USER_URN)], **given}
        parts = prepare(payload, definition, leniences)
        # NB: nobody is invited by a file: who has no access in it is a contact, whatever the portal does otherwise.
        access: Access = "grant" if active else "none"
        return create_member(tenant, definition, parts, access=access, within=guard).id
    if cells:
        value = attribute_changes(row.member.document, cells)
        if active is not None:
            value["active"] = active
        message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": value}]}
        patch = prepare_patch(message, definition, row.member.id, leniences)
        change_member(tenant, definition, row.member.id, patch, None, leniences, within=guard)
    return row.member.id


def _assigned(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without those that are to be cleared."""
    return {
        name: _assigned(each) if isinstance(each, dict) else each for name, each in value.items() if each is not None
    }


def fault_of(error: SCIMException) -> CellFault:
    """Return the error of an action as what is wrong with a row."""
    detail = error.detail or str(error)
    if isinstance(error, GroupRefusedError):
        return CellFault(error.column, detail)
    column = next((column for name, column in _COLUMNS_OF.items() if re.match(rf"{re.escape(name)}\b", detail)), None)
    return CellFault(column, detail)
