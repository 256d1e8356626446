"""Imports of members as rows: the file, how far it has come, what each row is to do, what is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from scim2_models import NotFoundException
from sqlalchemy import bindparam, delete, insert, literal_column, or_, select, update

from scim_server.store.id_sets import is_one_of
from scim_server.store.import_tables import import_chunks, import_faults, import_rows, imports
from scim_server.store.session import Tenant

CHUNK_BYTES = 256 * 1024

Status = Literal["uploading", "uploaded", "verifying", "verified", "faulty", "importing", "imported"]
Verdict = Literal["create", "change", "leave", "fault"]


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """An import and how far it has come; the tables say what each field is."""

    id: str
    status: Status
    actor_kind: str
    actor_id: str
    created_at: datetime
    digest: str | None = None
    size_bytes: int = 0
    delimiter: str | None = None
    columns: Sequence[str] | None = None
    read_bytes: int = 0
    rows_done: int = 0
    rows_total: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    faulty: int = 0
    faults: int = 0
    lease: str | None = None
    leased_until: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportRow:
    """What a row is to do; ``changes`` has, by column, what a member had and what they get."""

    number: int
    verdict: Verdict
    display: str | None
    unique_key: str | None
    external_id: str | None
    user_id: str | None
    changes: Any


@dataclass(frozen=True, slots=True)
class ImportFault:
    """What is wrong with a row, or with one of its cells."""

    number: int
    row_number: int
    column_name: str | None
    detail: str


_RECORD = tuple(imports.c[each.name] for each in fields(ImportRecord))
_ROW = tuple(import_rows.c[each.name] for each in fields(ImportRow))
_FAULT = tuple(import_faults.c[each.name] for each in fields(ImportFault))


def insert_import(tenant: Tenant, record: ImportRecord) -> None:
    """Store a new import."""
    tenant.db.execute(insert(imports).values(org_id=tenant.org_id, **_values(record)))


def update_import(tenant: Tenant, record: ImportRecord) -> None:
    """Store how far an import whose row is held has come."""
    values = {name: value for name, value in _values(record).items() if name not in ("id", "created_at")}
    own = (imports.c.org_id == tenant.org_id, imports.c.id == record.id)
    tenant.db.execute(update(imports).where(*own).values(values))


def _values(record: ImportRecord | ImportRow | ImportFault) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def get_import(tenant: Tenant, import_id: str, *, lock: bool = False) -> ImportRecord:
    """Return an import.

    :param lock: Whether its row is held until the transaction ends.
    :raises NotFoundException: When the organization has none of that id.
    """
    found = select(*_RECORD).where(imports.c.org_id == tenant.org_id, imports.c.id == import_id)
    row = tenant.db.execute(found.with_for_update(key_share=True) if lock else found).first()
    if row is None:
        raise NotFoundException(detail=f"there is no import {import_id[:100]!r}")
    return ImportRecord(*row)


def list_imports(tenant: Tenant, *, before: str | None = None, limit: int | None = None) -> list[ImportRecord]:
    """Return imports, the latest first: those before an id, at most so many."""
    preceding = [imports.c.org_id == tenant.org_id, *([imports.c.id < before] if before else ())]
    page = select(*_RECORD).where(*preceding).order_by(imports.c.id.desc()).limit(limit)
    return [ImportRecord(*row) for row in tenant.db.execute(page)]


def delete_import(tenant: Tenant, import_id: str) -> None:
    """Delete an import with its file and all that was said of its rows."""
    tenant.db.execute(delete(imports).where(imports.c.org_id == tenant.org_id, imports.c.id == import_id))


def delete_idle_imports(tenant: Tenant) -> None:
    """Delete the imports that no worker is at, or is to be at: their files name people."""
    idle = (imports.c.status != "importing", or_(imports.c.leased_until.is_(None), imports.c.leased_until < tenant.now))
    tenant.db.execute(delete(imports).where(imports.c.org_id == tenant.org_id, *idle))


def insert_chunk(tenant: Tenant, import_id: str, number: int, content: bytes) -> None:
    """Store the next bytes of the file: ``CHUNK_BYTES``, fewer in the last chunk alone."""
    tenant.db.execute(
        insert(import_chunks).values(org_id=tenant.org_id, import_id=import_id, number=number, content=content)
    )


def read_chunks(tenant: Tenant, import_id: str, position: int) -> Iterator[bytes]:
    """Yield the file from a byte on, chunk by chunk."""
    number, skipped = divmod(position, CHUNK_BYTES)
    while (content := _chunk(tenant, import_id, number)) is not None:
        if len(content) > skipped:
            yield content[skipped:]
        number, skipped = number + 1, 0


def _chunk(tenant: Tenant, import_id: str, number: int) -> bytes | None:
    content: bytes | None = tenant.db.scalar(
        select(import_chunks.c.content).where(
            import_chunks.c.org_id == tenant.org_id,
            import_chunks.c.import_id == import_id,
            import_chunks.c.number == number,
        )
    )
    return content


def delete_chunks(tenant: Tenant, import_id: str) -> None:
    """Forget the file."""
    own = (import_chunks.c.org_id == tenant.org_id, import_chunks.c.import_id == import_id)
    tenant.db.execute(delete(import_chunks).where(*own))


def insert_rows(tenant: Tenant, import_id: str, rows: Sequence[ImportRow]) -> None:
    """Store what rows are to do."""
    if rows:
        own = {"org_id": tenant.org_id, "import_id": import_id}
        tenant.db.execute(insert(import_rows), [{**own, **_values(row)} for row in rows])


def rows_between(tenant: Tenant, import_id: str, first: int, last: int) -> dict[int, ImportRow]:
    """Return what was stored of rows, by their numbers."""
    own = (import_rows.c.org_id == tenant.org_id, import_rows.c.import_id == import_id)
    found = select(*_ROW).where(*own, import_rows.c.number.between(first, last))
    return {row[0]: ImportRow(*row) for row in tenant.db.execute(found)}


def rows_about(tenant: Tenant, import_id: str, before: int, about: Sequence[Sequence[str]]) -> list[ImportRow]:
    """Return the rows before a number that are about one of these members.

    :param about: Their userNames, as keys, their externalIds, and their ids.
    """
    columns = (import_rows.c.unique_key, import_rows.c.external_id, import_rows.c.user_id)
    found: dict[int, ImportRow] = {}
    for column, values in zip(columns, about, strict=True):
        # The import is computed, so that no index by it is read from the first row on: what is looked up leads.
        own = (import_rows.c.org_id == tenant.org_id, bindparam(None, import_id) == _COMPUTED_IMPORT)
        rows = tenant.db.execute(select(*_ROW).where(*own, is_one_of(tenant, column, values)))
        found.update((row[0], ImportRow(*row)) for row in rows if row[0] < before)
    return list(found.values())


_COMPUTED_IMPORT = import_rows.c.import_id.concat(literal_column("''"))


def list_rows(
    tenant: Tenant, import_id: str, *, verdict: str | None = None, after: int = 0, limit: int | None = None
) -> list[ImportRow]:
    """Return what rows are to do, in their order: those behind a number, all or those of one verdict."""
    own = [import_rows.c.org_id == tenant.org_id, import_rows.c.import_id == import_id, import_rows.c.number > after]
    if verdict is not None:
        own.append(import_rows.c.verdict == verdict)
    page = select(*_ROW).where(*own).order_by(import_rows.c.number).limit(limit)
    return [ImportRow(*row) for row in tenant.db.execute(page)]


def insert_faults(tenant: Tenant, import_id: str, faults: Sequence[ImportFault]) -> None:
    """Store what is wrong."""
    if faults:
        own = {"org_id": tenant.org_id, "import_id": import_id}
        tenant.db.execute(insert(import_faults), [{**own, **_values(fault)} for fault in faults])


def list_faults(tenant: Tenant, import_id: str, *, after: int = 0, limit: int | None = None) -> list[ImportFault]:
    """Return what is wrong, in the order of the rows: the faults behind a number, at most so many."""
    own = (
        import_faults.c.org_id == tenant.org_id,
        import_faults.c.import_id == import_id,
        import_faults.c.number > after,
    )
    page = select(*_FAULT).where(*own).order_by(import_faults.c.number).limit(limit)
    return [ImportFault(*row) for row in tenant.db.execute(page)]
