"""Members as CSV: the template, the export, and imports that are verified before they are done."""

from collections.abc import Iterator

from flask import request
from scim2_models import PayloadTooLargeException

from scim_server.actions.imports import MAX_FILE_BYTES, remove_import, start_import, upload
from scim_server.actions.member_export import export_members, template
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.store.imports import (
    CHUNK_BYTES,
    ImportFault,
    ImportRecord,
    ImportRow,
    get_import,
    list_faults,
    list_imports,
    list_rows,
)
from scim_server.store.session import Tenant
from scim_server.web.api import import_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page
from scim_server.web.api.schemas import PageQuery
from scim_server.web.site import current_site

_IMPORTS = "/organizations/<organization>/imports"
_IMPORT = f"{_IMPORTS}/<import_id>"
_ANSWER = schemas.Import()


@operation(
    "GET",
    "/organizations/<organization>/members-template.csv",
    scope="members:read",
    permission=MANAGE_MEMBERS,
    gives_csv=True,
)
def get_template(call: Call) -> Reply:
    """Download the file to fill: the names of the columns. French organizations get `;` between them."""
    return Reply([call.read(template)])


@operation(
    "GET", "/organizations/<organization>/members.csv", scope="members:read", permission=READ_MEMBERS, gives_csv=True
)
def export_all_members(call: Call) -> Reply:
    """Download all members as CSV; imported as it is, the file changes nothing. A cell that a spreadsheet would take
    for a formula begins with an apostrophe, which an import takes off again.
    """
    return Reply(export_members(current_site().store, call.credentials))


@operation(
    "GET", _IMPORTS, scope="members:read", permission=MANAGE_MEMBERS, query=PageQuery(), answer=schemas.Imports()
)
def list_all_imports(call: Call) -> Reply:
    """List the imports, the latest first; the last ten are kept."""

    def read(before: str | None, limit: int) -> list[ImportRecord]:
        return call.read(lambda tenant: list_imports(tenant, before=before, limit=limit))

    return page(call, read, lambda each: each.id)


@operation(
    "POST", _IMPORTS, scope="members:write", permission=MANAGE_MEMBERS, takes_csv=True, answer=_ANSWER, status=201
)
def upload_import(call: Call) -> Reply:
    """Upload a CSV file of members. A worker verifies it: nothing is changed until it is imported. UTF-8, with a comma,
    a semicolon or a tab between cells, at most 64 MB and 200,000 rows, in an order of columns of its own.
    """
    assert call.organization is not None
    uploaded = upload(current_site().store, call.credentials, _received())
    return Reply(uploaded, location=f"/organizations/{call.organization.slug}/imports/{uploaded.id}")


def _received() -> Iterator[bytes]:
    """Yield the body of the request as it comes in."""
    length = request.content_length
    if length is not None and length > MAX_FILE_BYTES:
        raise PayloadTooLargeException(detail=f"the file is larger than {MAX_FILE_BYTES} bytes; part it")
    # NB: a body of unknown length ends at the limit without a word; one byte more, and it is seen to be too long.
    request.max_content_length = MAX_FILE_BYTES + 1
    while piece := request.stream.read(CHUNK_BYTES):
        yield piece


@operation("GET", _IMPORT, scope="members:read", permission=MANAGE_MEMBERS, answer=_ANSWER)
def get_an_import(call: Call, import_id: str) -> Reply:
    """Read how far an import has come."""
    return Reply(_found(call, import_id))


@operation(
    "GET",
    f"{_IMPORT}/faults",
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=PageQuery(),
    answer=schemas.Faults(),
)
def list_import_faults(call: Call, import_id: str) -> Reply:
    """List what is wrong in the file, by row and column, and what is accepted."""
    _found(call, import_id)

    def read(after: str | None, limit: int) -> list[ImportFault]:
        return call.read(lambda tenant: list_faults(tenant, import_id, after=int(after or 0), limit=limit))

    return page(call, read, lambda each: str(each.number))


@operation(
    "GET",
    f"{_IMPORT}/changes",
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=schemas.RowQuery(),
    answer=schemas.Rows(),
)
def list_import_changes(call: Call, import_id: str) -> Reply:
    """List what each row does, or would do."""
    _found(call, import_id)
    verdict = call.query.get("verdict")

    def read(after: str | None, limit: int) -> list[ImportRow]:
        return call.read(
            lambda tenant: list_rows(tenant, import_id, verdict=verdict, after=int(after or 0), limit=limit)
        )

    return page(call, read, lambda each: str(each.number))


@operation("POST", f"{_IMPORT}/import", scope="members:write", permission=MANAGE_MEMBERS, answer=_ANSWER, status=202)
def start_an_import(call: Call, import_id: str) -> Reply:
    """Import a file that was verified without faults: exactly what was verified. A row that would no longer do that,
    as somebody has changed the member since, is left out, and becomes a fault.
    """
    check_id("import", import_id)
    return call.write(lambda tenant: Reply(start_import(tenant, import_id)))


@operation("DELETE", _IMPORT, scope="members:write", permission=MANAGE_MEMBERS, status=204)
def delete_an_import(call: Call, import_id: str) -> Reply:
    """Delete an import with its file; what it has done stays."""
    check_id("import", import_id)

    def action(tenant: Tenant) -> Reply:
        remove_import(tenant, import_id)
        return Reply()

    return call.write(action)


def _found(call: Call, import_id: str) -> ImportRecord:
    check_id("import", import_id)
    return call.read(lambda tenant: get_import(tenant, import_id))
