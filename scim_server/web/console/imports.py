"""Import and export: a file of members is chosen, verified, and then imported exactly as it was verified."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO

from flask import Response, flash, render_template, request
from flask_babel import gettext
from scim2_models import SCIMException

from scim_server.actions.imports import (
    KEPT_IMPORTS,
    MAX_FILE_BYTES,
    MAX_ROWS,
    remove_import,
    start_import,
    upload,
)
from scim_server.actions.member_export import export_members, template
from scim_server.protocol.member_csv import COLUMNS
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.store.history import TrailFilter, list_entries
from scim_server.store.imports import (
    CHUNK_BYTES,
    ImportRecord,
    get_import,
    list_faults,
    list_imports,
    list_rows,
)
from scim_server.store.names import names_of
from scim_server.store.session import Tenant
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.reading import check_id, id_in_query, number_in_query
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

ROWS_SHOWN = 50
"""How many rows or faults stand on one page."""

PATIENCE = timedelta(minutes=1)
"""How long a worker may take to begin before the page says that there may be none."""

_AT_WORK = ("uploaded", "verifying", "importing")
_VERDICTS = ("create", "change", "leave", "fault")


@page("/imports", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def imports_page(visit: Visit) -> Page:
    """Show how members go out and come in as a file; keep one that was chosen, for a worker to verify.

    Nothing is changed until it is imported.
    """
    if request.method == "GET":
        return _overview(visit)
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _overview(visit, gettext("Choose the file first.")), 400
    try:
        uploaded = upload(current_site().store, visit.credentials, _pieces(sent.stream))
    except SCIMException as exc:
        return _overview(visit, in_their_language(exc)), exc.status
    return visit.redirect("import_page", import_id=uploaded.id)


def _pieces(content: Any) -> Iterator[bytes]:
    """Yield a file piece by piece, none larger than what is stored at once."""
    stream: BinaryIO = content
    while piece := stream.read(CHUNK_BYTES):
        yield piece


def _overview(visit: Visit, problem: str | None = None) -> str:
    before = id_in_query("before")

    def read(tenant: Tenant) -> tuple[list[ImportRecord], dict[str, str]]:
        found = list_imports(tenant, before=before or None, limit=KEPT_IMPORTS + 1)
        people = names_of(tenant, sorted({each.actor_id for each in found}))
        return found, {identifier: each.display or identifier for identifier, each in people.items()}

    imports, people = visit.read(read)
    shown = imports[:KEPT_IMPORTS]
    following = visit.url("imports_page", before=shown[-1].id) if len(imports) > KEPT_IMPORTS else ""
    return render_template(
        "console/imports.html",
        visit=visit,
        problem=problem,
        imports=shown,
        people=people,
        following=following,
        first=visit.url("imports_page") if before else "",
        columns=COLUMNS,
        max_megabytes=MAX_FILE_BYTES // (1024 * 1024),
        max_rows=MAX_ROWS,
        kept=KEPT_IMPORTS,
        status_name=status_name,
    )


@page("/imports/template.csv", permission=MANAGE_MEMBERS)
def import_template(visit: Visit) -> Page:
    """Hand out the file to fill: the names of the columns."""
    return _download("members-template.csv", iter([visit.read(template)]))


@page("/members/export.csv", permission=READ_MEMBERS)
def export_members_file(visit: Visit) -> Page:
    """Hand out all members as a file, piece by piece; imported as it is, it changes nothing."""
    return _download("members.csv", export_members(current_site().store, visit.credentials))


def _download(name: str, pieces: Iterator[bytes]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces, headers=headers, content_type="text/csv; charset=utf-8")


@page("/imports/<import_id>", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def import_page(visit: Visit, import_id: str) -> Page:
    """Show how far a file has come, what is wrong in it, and what it changes; import it, or discard it."""
    check_id("import", import_id)
    if request.method == "GET":
        return _one(visit, import_id)
    try:
        if request.form.get("do") == "import":
            visit.write(lambda tenant: start_import(tenant, import_id))
            flash(gettext("The import begins. You may leave this page."), "success")
            return visit.redirect("import_page", import_id=import_id)
        visit.write(lambda tenant: remove_import(tenant, import_id))
    except SCIMException as exc:
        return _one(visit, import_id, in_their_language(exc)), exc.status
    flash(gettext("The file is discarded. No member was changed by that."), "success")
    return visit.redirect("imports_page")


def _one(visit: Visit, import_id: str, problem: str | None = None) -> str:
    asked = request.args.get("rows")
    faults_after, rows_after = number_in_query("fault"), number_in_query("row")

    def read(tenant: Tenant) -> dict[str, Any]:
        found = get_import(tenant, import_id)
        verdict = asked if asked in _VERDICTS else ("change" if found.changed and not found.created else "create")
        rows = list_rows(tenant, import_id, verdict=verdict, after=rows_after, limit=ROWS_SHOWN + 1)
        faults = list_faults(tenant, import_id, after=faults_after, limit=ROWS_SHOWN + 1)
        by = names_of(tenant, [found.actor_id]).get(found.actor_id)
        return {
            "file": found,
            "verdict": verdict,
            "rows": rows[:ROWS_SHOWN],
            "following_row": rows[ROWS_SHOWN - 1].number if len(rows) > ROWS_SHOWN else None,
            "faults": faults[:ROWS_SHOWN],
            "following_fault": faults[ROWS_SHOWN - 1].number if len(faults) > ROWS_SHOWN else None,
            "by": by.display if by else None,
            "waits": _waits(tenant, found),
        }

    return render_template(
        "console/import.html",
        visit=visit,
        problem=problem,
        at_work=_AT_WORK,
        status_name=status_name,
        verdict_name=verdict_name,
        verdicts=_VERDICTS,
        faults_after=faults_after,
        rows_after=rows_after,
        **visit.read(read),
    )


def _waits(tenant: Tenant, found: ImportRecord) -> bool:
    """Return whether a file has waited for longer than a worker that runs takes to begin with it."""
    if found.leased_until is not None:
        # A worker began, and has neither gone on nor given it back.
        return found.status in _AT_WORK and found.leased_until <= tenant.now
    if found.status == "uploaded":
        return found.created_at <= tenant.now - PATIENCE
    if found.status == "importing" and found.rows_done == 0:
        started = TrailFilter(resource=found.id, action="import.start")
        return any(each.at <= tenant.now - PATIENCE for each in list_entries(tenant, started, before=None, limit=1))
    return False


def status_name(file: ImportRecord) -> str:
    """Return how far a file has come, in words."""
    names = {
        "uploading": gettext("Being uploaded"),
        "uploaded": gettext("Waiting to be verified"),
        "verifying": gettext("Being verified"),
        "verified": gettext("Verified, ready to be imported"),
        "faulty": gettext("Verified, with faults"),
        "importing": gettext("Being imported"),
        "imported": gettext("Imported"),
    }
    return names[file.status]


def verdict_name(verdict: str) -> str:
    """Return what rows do, in words."""
    names = {
        "create": gettext("New members"),
        "change": gettext("Changed members"),
        "leave": gettext("Unchanged members"),
        "fault": gettext("Rows with faults"),
    }
    return names[verdict]
