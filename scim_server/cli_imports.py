"""The commands ``member export`` and ``member import``: the members of an organization as CSV."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scim2_models import ConflictException

from scim_server.actions.imports import import_some, remove_import, start_import, upload, verify_some
from scim_server.actions.member_export import export_members
from scim_server.actions.organizations import operator_credentials
from scim_server.cli_members import member as member
from scim_server.config import read_settings
from scim_server.store.imports import CHUNK_BYTES, ImportFault, ImportRecord, get_import, list_faults
from scim_server.store.session import Credentials, Store, begin
from scim_server.terminal import actor_name, command, opened, show

_STEP_S = 1.0
"""How often the progress is shown."""
_SHOWN = 20
_COUNTS = ("created", "changed", "unchanged", "faulty")
_DONE = ("created", "changed", "left as they were", "with faults")
_TO_DO = ("to create", "to change", "to leave as they are", "with faults")

Step = Callable[[Store, Credentials, str, float], ImportRecord]


@member.command("export")
@click.argument("org")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.  [default: stdout]")
@command
def member_export(org: str, output: Path | None, as_json: bool) -> None:
    """Write the members of the organization ORG as CSV; imported as it is, the file changes nothing."""
    with opened(read_settings()) as store:
        pieces = export_members(store, operator_credentials(store, org, actor_id=actor_name()))
        if output is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        with output.open("wb") as file:
            file.writelines(pieces)
    show({"file": str(output)}, f"Wrote {output}.", as_json=as_json)


@member.command("import")
@click.argument("org")
@click.argument("file", type=click.File("rb"))
@click.option("--verify-only", is_flag=True, help="Say what would be done, and do nothing.")
@command
def member_import(org: str, file: BinaryIO, verify_only: bool, as_json: bool) -> None:
    """Verify FILE, a CSV file of members, and import it into the organization ORG where it has no faults."""
    with opened(read_settings()) as store:
        credentials = operator_credentials(store, org, actor_id=actor_name())
        uploaded = upload(store, credentials, iter(lambda: file.read(CHUNK_BYTES), b""))
        with _progress(as_json) as progress:
            found = _run(store, credentials, uploaded, verify_some, progress, "Verifying")
            if found.status == "verified" and not verify_only:
                with begin(store, credentials, write=True) as tenant:
                    started = start_import(tenant, uploaded.id)
                found = _run(store, credentials, started, import_some, progress, "Importing")
        with begin(store, credentials, write=True) as tenant:
            faults = list_faults(tenant, uploaded.id)
            if found.status != "imported":
                remove_import(tenant, uploaded.id)
    _show(found, faults, as_json=as_json)
    if found.faults:
        sys.exit(1)


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress]:
    """Show how far it has come, on standard error, where a person looks at it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=as_json or not console.is_terminal) as progress:
        yield progress


def _run(
    store: Store, credentials: Credentials, begun: ImportRecord, step: Step, progress: Progress, description: str
) -> ImportRecord:
    """Verify or import to the end; where a worker is faster, wait for it."""
    bar = progress.add_task(description, total=begun.rows_total)
    while True:
        try:
            found = step(store, credentials, begun.id, _STEP_S)
        except ConflictException:
            time.sleep(_STEP_S)
            with begin(store, credentials, write=False) as tenant:
                found = get_import(tenant, begun.id)
        progress.update(bar, completed=found.rows_done)
        if found.status not in ("verifying", "importing"):
            return found


def _show(found: ImportRecord, faults: list[ImportFault], *, as_json: bool) -> None:
    facts: dict[str, Any] = {"status": found.status, "rows": found.rows_total}
    facts |= {name: getattr(found, name) for name in (*_COUNTS, "faults")}
    listed = [{key: value for key, value in asdict(each).items() if key != "number"} for each in faults]
    words = _DONE if found.status == "imported" else _TO_DO
    counts = (f"{getattr(found, name)} {word}" for name, word in zip(_COUNTS, words, strict=True))
    lines = [f"{found.status}: {', '.join(counts)}"]
    lines += [
        f"row {each.row_number}{f', {each.column_name}' if each.column_name else ''}: {each.detail}"
        for each in faults[:_SHOWN]
    ]
    if found.faults > _SHOWN:
        lines.append(f"... and {found.faults - _SHOWN} more faults; --json lists the first thousand")
    show({**facts, "listed": listed}, "\n".join(lines), as_json=as_json)
