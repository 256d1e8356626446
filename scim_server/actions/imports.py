"""Imports of members: a file is uploaded, verified, and then imported exactly as it was verified.

Verification and import are the same code, in batches of rows that are each one transaction with their progress. A
verification undoes what its batch has done. Either goes on where it stopped, and one worker at a time is at it.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice

from scim2_models import ConflictException, PayloadTooLargeException, SCIMException

from scim_server.actions.authority import guarded
from scim_server.actions.import_rows import PlannedRow, apply_rows, fault_of, plan_rows
from scim_server.protocol.csv_records import CsvError, Record, delimiter_of, read_records
from scim_server.protocol.member_csv import HeaderError, read_header
from scim_server.store.deliveries import cancel, schedule
from scim_server.store.imports import (
    CHUNK_BYTES,
    ImportFault,
    ImportRecord,
    ImportRow,
    Status,
    delete_chunks,
    delete_import,
    get_import,
    insert_chunk,
    insert_faults,
    insert_import,
    insert_rows,
    list_imports,
    read_chunks,
    rows_between,
    update_import,
)
from scim_server.store.session import Actor, Credentials, Store, Tenant, new_id, savepoint, transact
from scim_server.store.trail import record

VERIFICATION, IMPORT = "import_verification", "import"
"""The kinds of delivery by which a worker verifies and imports."""

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ROWS = 200_000
MAX_FAULTS = 1_000
"""How many faults of a file are kept; all are counted."""

KEPT_IMPORTS = 10
"""How many imports an organization has; with another upload, the oldest goes."""

BATCH = 500
"""How many rows one transaction holds: others who write to SQLite wait for it."""

LEASE = timedelta(seconds=60)
"""How long a batch may take: after that, another worker goes on."""

UPLOAD_LEASE = timedelta(hours=1)
"""How long an upload may take."""

_BUSY = "a worker is at this import; try again when it is done, or in a minute"


@dataclass(frozen=True, slots=True)
class _Phase:
    """Verification or import: from which status it starts, and where it leads."""

    at_work: Status
    starts: tuple[Status, ...]
    done: Status


_VERIFICATION = _Phase("verifying", ("uploaded",), "verified")
_IMPORT = _Phase("importing", (), "imported")


def upload(store: Store, credentials: Credentials, content: Iterable[bytes]) -> ImportRecord:
    """Keep a file to be verified; nothing of it is judged yet.

    :param content: Its bytes, in pieces of any size, none of which is held longer than it takes to store it.
    :raises PayloadTooLargeException: When it has more bytes or rows than are taken; nothing of it is kept then.
    """
    begun = transact(store, credentials, _begin_upload)
    try:
        kept = _Kept(store, credentials, begun.id, content)
        rows = _count_rows(kept)
        return transact(store, credentials, partial(_finish_upload, begun.id, kept, rows))
    except BaseException:
        transact(store, credentials, lambda tenant: delete_import(tenant, begun.id))
        raise


def _begin_upload(tenant: Tenant) -> ImportRecord:
    for old in list_imports(tenant)[KEPT_IMPORTS - 1 :]:
        if not _is_leased(tenant, old) and old.status != "importing":
            delete_import(tenant, old.id)
    begun = ImportRecord(new_id(), "uploading", tenant.actor.kind, tenant.actor.id, tenant.now)
    begun = replace(begun, leased_until=tenant.now + UPLOAD_LEASE)
    insert_import(tenant, begun)
    return begun


class _Kept:
    """The bytes of an upload in chunks of one size, each stored as it comes by."""

    def __init__(self, store: Store, credentials: Credentials, import_id: str, content: Iterable[bytes]) -> None:
        self._insert: Callable[[int, bytes], None] = lambda number, chunk: transact(
            store, credentials, lambda tenant: insert_chunk(tenant, import_id, number, chunk)
        )
        self._content = content
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.digest = ""

    def __iter__(self) -> Iterator[bytes]:
        waiting, number = bytearray(), 0
        for piece in self._content:
            self.size_bytes += len(piece)
            if self.size_bytes > MAX_FILE_BYTES:
                raise PayloadTooLargeException(
                    detail=f"the file is larger than {MAX_FILE_BYTES} bytes; upload it in parts"
                )
            self._digest.update(piece)
            waiting += piece
            while len(waiting) >= CHUNK_BYTES:
                chunk = bytes(waiting[:CHUNK_BYTES])
                del waiting[:CHUNK_BYTES]
                self._insert(number, chunk)
                number += 1
                yield chunk
        if waiting:
            self._insert(number, bytes(waiting))
            yield bytes(waiting)
        self.digest = self._digest.hexdigest()


def _count_rows(chunks: Iterable[bytes]) -> int:
    """Return how many rows there are below the header, reading the file to its end."""
    source = iter(chunks)
    rows = -1
    for _ in _records(source):
        rows += 1
        if rows > MAX_ROWS:
            raise PayloadTooLargeException(detail=f"the file has more than {MAX_ROWS} rows; part it")
    for _ in source:
        pass  # Behind what cannot be read, the rest is kept all the same.
    return max(rows, 0)


def _records(source: Iterator[bytes]) -> Iterator[Record]:
    first = next(source, b"")
    try:
        delimiter = delimiter_of(first)
    except CsvError:
        return
    yield from read_records(_led_by(first, source), delimiter)


def _led_by(first: bytes, others: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _finish_upload(import_id: str, kept: _Kept, rows: int, tenant: Tenant) -> ImportRecord:
    begun = get_import(tenant, import_id, lock=True)
    done = replace(begun, status="uploaded", digest=kept.digest, size_bytes=kept.size_bytes, rows_total=rows)
    done = replace(done, leased_until=None)
    update_import(tenant, done)
    schedule(tenant, VERIFICATION, import_id)
    record(tenant, "import.upload", "Import", import_id, {"digest": {"to": kept.digest}, "rows": {"to": rows}})
    return done


def start_import(tenant: Tenant, import_id: str) -> ImportRecord:
    """Let a file be imported that was verified without faults, in the name of who asks for it.

    :raises NotFoundException: When there is none of that id.
    :raises ConflictException: When it was not verified, has faults, or is imported already.
    """
    found = get_import(tenant, import_id, lock=True)
    if found.status != "verified":
        raise ConflictException(detail=_why_not(found))
    started = replace(
        found,
        status="importing",
        actor_kind=tenant.actor.kind,
        actor_id=tenant.actor.id,
        read_bytes=0,
        rows_done=0,
        created=0,
        changed=0,
        unchanged=0,
        finished_at=None,
    )
    update_import(tenant, started)
    changes = {"digest": {"to": found.digest}, "creates": {"to": found.created}, "changes": {"to": found.changed}}
    schedule(tenant, IMPORT, import_id)
    record(tenant, "import.start", "Import", import_id, changes)
    return started


def _why_not(found: ImportRecord) -> str:
    if found.status == "faulty":
        return f"{found.faulty} rows have faults; mend them in the file, and upload it again"
    if found.status in ("importing", "imported"):
        return f"the file is {found.status} already"
    return "the file is not verified yet; wait until its status is verified"


def remove_import(tenant: Tenant, import_id: str) -> None:
    """Delete an import with its file; what it has done stays.

    :raises NotFoundException: When there is none of that id.
    :raises ConflictException: When a worker is at it.
    """
    found = get_import(tenant, import_id, lock=True)
    if _is_leased(tenant, found):
        raise ConflictException(detail=_BUSY)
    delete_import(tenant, import_id)
    for kind in (VERIFICATION, IMPORT):
        cancel(tenant, kind, import_id)
    record(tenant, "import.delete", "Import", import_id, {"status": {"from": found.status}})


def in_the_name_of(found: ImportRecord, org_id: str) -> Credentials:
    """Return the credentials of who asked for an import, for the worker that does it."""
    return Credentials(org_id, Actor(found.actor_kind, found.actor_id))


def verify_some(store: Store, credentials: Credentials, import_id: str, budget_s: float = float("inf")) -> ImportRecord:
    """Verify a file that was uploaded, as far as there is time; one that is verified stays as it is.

    :return: How far it has come: ``verifying`` where it is to be called again.
    :raises ConflictException: When another worker is at it.
    """
    return _work(store, credentials, import_id, _VERIFICATION, budget_s)


def import_some(store: Store, credentials: Credentials, import_id: str, budget_s: float = float("inf")) -> ImportRecord:
    """Import a file that :func:`start_import` was called for; see :func:`verify_some`."""
    return _work(store, credentials, import_id, _IMPORT, budget_s)


def _work(store: Store, credentials: Credentials, import_id: str, phase: _Phase, budget_s: float) -> ImportRecord:
    ends_at = time.monotonic() + budget_s
    lease = new_id()
    current = transact(store, credentials, partial(_take, import_id, phase, lease))
    while current.status == phase.at_work:
        # One batch at least, so that it comes to an end however little time there is.
        current = transact(store, credentials, partial(_do_batch, import_id, phase, lease))
        if current.status == phase.at_work and time.monotonic() >= ends_at:
            return transact(store, credentials, partial(_give_back, import_id, lease))
    return current


def _take(import_id: str, phase: _Phase, lease: str, tenant: Tenant) -> ImportRecord:
    found = get_import(tenant, import_id, lock=True)
    if found.status not in (phase.at_work, *phase.starts):
        return found
    if _is_leased(tenant, found):
        raise ConflictException(detail=_BUSY)
    taken = replace(found, status=phase.at_work, lease=lease, leased_until=tenant.now + LEASE)
    update_import(tenant, taken)
    return taken


def _give_back(import_id: str, lease: str, tenant: Tenant) -> ImportRecord:
    found = _held(tenant, import_id, lease)
    given = replace(found, lease=None, leased_until=None)
    update_import(tenant, given)
    return given


def _held(tenant: Tenant, import_id: str, lease: str) -> ImportRecord:
    """Return the import, whose row is held, unless another worker has taken it since."""
    found = get_import(tenant, import_id, lock=True)
    if found.lease != lease:
        raise ConflictException(detail=_BUSY)
    return found


def _is_leased(tenant: Tenant, found: ImportRecord) -> bool:
    return found.leased_until is not None and found.leased_until > tenant.now


class _UndoneError(Exception):
    """What a verification has done is undone."""


def _do_batch(import_id: str, phase: _Phase, lease: str, tenant: Tenant) -> ImportRecord:
    """Verify or import the next rows, with the progress in the same transaction."""
    current = _held(tenant, import_id, lease)
    try:
        if current.columns is None:
            current = _with_header(tenant, current)
        records = _next_records(tenant, current)
    except CsvError as exc:
        faults = exc.faults if isinstance(exc, HeaderError) else [(None, str(exc))]
        return _ended(tenant, current, phase, [ImportFault(0, 1, column, detail) for column, detail in faults])
    assert current.columns is not None
    rows = plan_rows(tenant, import_id, current.columns, records)
    if phase is _VERIFICATION:
        try:
            with savepoint(tenant):
                _apply(tenant, rows)
                raise _UndoneError
        except _UndoneError:
            pass
        stored = [row.as_stored() for row in rows]
        insert_rows(tenant, import_id, stored)
    else:
        stored = [row.as_stored() for row in rows]
        if rows:
            _refuse_changed(rows, stored, rows_between(tenant, import_id, rows[0].number, rows[-1].number))
        _apply(tenant, rows)
    return _advanced(tenant, current, phase, records, rows)


def _with_header(tenant: Tenant, current: ImportRecord) -> ImportRecord:
    """Return an import with what its first row says, read up to the second.

    :raises CsvError: When its columns are not those that are taken.
    """
    chunks = read_chunks(tenant, current.id, 0)
    first = next(chunks, b"")
    delimiter = delimiter_of(first)
    head = next(read_records(_led_by(first, chunks), delimiter), None)
    if head is None:
        raise CsvError("the file is empty; download the template, and fill it")
    if head.fault is not None:
        raise CsvError(head.fault)
    return replace(current, delimiter=delimiter, columns=read_header(head.cells), read_bytes=head.end)


def _next_records(tenant: Tenant, current: ImportRecord) -> list[Record]:
    position = current.read_bytes
    if position == 0:  # The import begins: the header was read by the verification.
        return _next_records(tenant, _with_header(tenant, current))
    assert current.delimiter is not None
    chunks = read_chunks(tenant, current.id, position)
    found = read_records(chunks, current.delimiter, position=position, number=current.rows_done + 1)
    return list(islice(found, BATCH))


def _apply(tenant: Tenant, rows: Sequence[PlannedRow]) -> None:
    """Do what rows are to do, together; one by one where that fails: what an action refuses is a fault of its row."""
    doing = [row for row in rows if row.verdict in ("create", "change")]
    try:
        with savepoint(tenant), guarded(tenant) as guard:
            apply_rows(tenant, guard, doing)
        return
    except SCIMException:
        pass
    for row in doing:
        try:
            with savepoint(tenant), guarded(tenant) as guard:
                apply_rows(tenant, guard, [row])
        except SCIMException as exc:
            row.faults.append(fault_of(exc))


def _refuse_changed(rows: Sequence[PlannedRow], stored: Sequence[ImportRow], verified: dict[int, ImportRow]) -> None:
    """Refuse the rows that would no longer do what the verification said."""
    for row, now in zip(rows, stored, strict=True):
        if _what(now) != _what(verified[row.number]):
            row.refuse(None, "would no longer do what was verified: the directory has changed; upload the file again")


def _what(row: ImportRow) -> tuple[object, ...]:
    return row.verdict, row.user_id, row.changes


def _advanced(
    tenant: Tenant, current: ImportRecord, phase: _Phase, records: Sequence[Record], rows: Sequence[PlannedRow]
) -> ImportRecord:
    """Store what a batch has come to; the last one ends the phase."""
    verdicts = [row.verdict for row in rows]
    faults = [ImportFault(0, row.number, fault.column, fault.detail) for row in rows for fault in row.faults]
    current = replace(
        current,
        read_bytes=records[-1].end if records else current.read_bytes,
        rows_done=current.rows_done + len(records),
        created=current.created + verdicts.count("create"),
        changed=current.changed + verdicts.count("change"),
        unchanged=current.unchanged + verdicts.count("leave"),
        faulty=current.faulty + verdicts.count("fault"),
        leased_until=tenant.now + LEASE,
    )
    if len(records) < BATCH or records[-1].is_last:
        return _ended(tenant, current, phase, faults)
    current = _with_faults(tenant, current, faults)
    update_import(tenant, current)
    return current


def _ended(tenant: Tenant, current: ImportRecord, phase: _Phase, faults: Sequence[ImportFault]) -> ImportRecord:
    """End a phase."""
    current = _with_faults(tenant, current, faults)
    status: Status = "faulty" if phase is _VERIFICATION and current.faults else phase.done
    ended = replace(current, status=status, lease=None, leased_until=None, finished_at=tenant.now)
    update_import(tenant, ended)
    if status == "imported":
        delete_chunks(tenant, current.id)
    counts = ("created", "changed", "unchanged", "faulty")
    action = "import.verify" if phase is _VERIFICATION else "import.finish"
    record(tenant, action, "Import", current.id, {name: {"to": getattr(ended, name)} for name in counts})
    return ended


def _with_faults(tenant: Tenant, current: ImportRecord, faults: Sequence[ImportFault]) -> ImportRecord:
    """Keep the faults there is room for; return the import with all of them counted."""
    numbered = [replace(fault, number=number) for number, fault in enumerate(faults, current.faults + 1)]
    insert_faults(tenant, current.id, [fault for fault in numbered if fault.number <= MAX_FAULTS])
    return replace(current, faults=current.faults + len(faults))
