"""What every command does: settings, the database, JSON or text, and refusals in one line."""

import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.table import Table
from scim2_models import SCIMException

from scim_server import open_settings_store
from scim_server.actions.organizations import UnknownError, operator_credentials
from scim_server.config import SettingError, Settings, read_settings
from scim_server.protocol.catalog import CatalogError
from scim_server.store.failures import failure_reason
from scim_server.store.revision import is_current
from scim_server.store.session import Store, Tenant, begin

_UNFOLDED = 1_000


def actor_name() -> str:
    """Return who runs the command, as the trail records it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


class Commands(click.Group):
    """Says in JSON, where ``--json`` asks for it, that a command is used wrongly."""

    def main(self, args: Sequence[str] | None = None, *positional: Any, **options: Any) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        if "--json" not in arguments:
            return super().main(args, *positional, **options)
        try:
            sys.exit(super().main(args, *positional, **{**options, "standalone_mode": False}))
        except click.ClickException as exc:
            click.echo(orjson.dumps({"error": exc.format_message()}).decode(), err=True)
            sys.exit(exc.exit_code)
        except click.Abort:
            sys.exit(1)


def _fail(message: str, *, as_json: bool) -> NoReturn:
    click.echo(orjson.dumps({"error": message}).decode() if as_json else f"scim-server: {message}", err=True)
    sys.exit(1)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--json``, and its refusals one line and exit code 1."""

    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, errors included.")
    @wraps(function)
    def run(as_json: bool, **arguments: Any) -> None:
        try:
            function(as_json=as_json, **arguments)
        except (SettingError, CatalogError, UnknownError, ValueError) as exc:
            _fail(str(exc), as_json=as_json)
        except OSError as exc:
            _fail(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc), as_json=as_json)
        except Exception as exc:
            reason = failure_reason(exc) or (exc.detail if isinstance(exc, SCIMException) else None)
            if reason is None:
                raise
            _fail(reason, as_json=as_json)

    return run


def show(value: Any, text: str | Table, *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())
    elif isinstance(text, Table):
        # Another program gets whole lines: there is no terminal to fold them for.
        Console(width=None if sys.stdout.isatty() else _UNFOLDED).print(text)
    else:
        click.echo(text)


def table(rows: list[dict[str, Any]], *columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the database, which must be at the newest version, and close it after."""
    store = open_settings_store(settings)
    try:
        if not is_current(store):
            raise SettingError("the database is not at the newest version; run `scim-server db upgrade`")
        yield store
    finally:
        store.close()


@contextmanager
def organization(slug: str, *, write: bool) -> Iterator[tuple[Tenant, Settings]]:
    settings = read_settings()
    with opened(settings) as store:
        credentials = operator_credentials(store, slug, actor_id=actor_name())
        with begin(store, credentials, write=write) as tenant:
            yield tenant, settings
