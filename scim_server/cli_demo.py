"""What ``scim-server serve --demo`` makes before it serves."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scim2_models import UnauthorizedException

from scim_server.actions.organizations import DEFAULT_CONNECTION, create_organization, operator_credentials
from scim_server.actions.tokens import issue_operator_token, issue_token
from scim_server.config import read_settings
from scim_server.demo import fill_demo, sign_ins
from scim_server.store.migrate import upgrade
from scim_server.store.organizations import find_organization
from scim_server.store.session import Store, begin, begin_platform
from scim_server.store.tokens import DigestKey, authenticate
from scim_server.terminal import actor_name, opened, show

_DEMO = Path(".demo")
_DEMO_SLUG = "demo"

# The server, of which the worker is a child, may end without a word to it: Linux tells.
_WORKER = """
import ctypes, os, signal
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl:
    prctl(1, signal.SIGTERM)
if os.getppid() != 1:
    from scim_server.cli import main
    main(["worker"])
"""


def prepare_demo(environ: dict[str, str], *, as_json: bool) -> None:
    """Make the demo's database, organization and token where they are missing, and print them."""
    _DEMO.mkdir(mode=0o700, exist_ok=True)
    environ["SCIM_SERVER_DATABASE_URL"] = f"sqlite:///{(_DEMO / 'scim-server.db').absolute()}"
    environ["SCIM_SERVER_SECRET_KEY"] = _kept(_DEMO / "secret-key", lambda: secrets.token_urlsafe(48))
    environ.setdefault("SCIM_SERVER_LOG_FORMAT", "text")
    environ.setdefault("SCIM_SERVER_WORKERS", "2")
    # No proxy stands between: a browser opens connections before it needs them, each of which keeps a thread waiting.
    environ.setdefault("SCIM_SERVER_THREADS", "16")
    environ.setdefault("SCIM_SERVER_SMTP_URL", f"file://{(_DEMO / 'mail').absolute()}")
    environ.setdefault("SCIM_SERVER_MAIL_FROM", "Demo <no-reply@demo.example>")
    origin = f"http://{environ['SCIM_SERVER_BIND']}"
    environ.setdefault("SCIM_SERVER_BASE_URL", origin)
    (_DEMO / "mail").mkdir(mode=0o700, exist_ok=True)
    settings = read_settings(environ)
    upgrade(settings.database_url)
    key = DigestKey.derive(settings.secret_key)
    with opened(settings) as store:
        with begin_platform(store, write=True) as platform:
            if find_organization(platform, _DEMO_SLUG) is None:
                create_organization(platform, store, _DEMO_SLUG, "Demo organization", actor_id=actor_name())
        token = _working(store, key, _DEMO / "token", _demo_token)
        password = _kept(_DEMO / "password", lambda: secrets.token_urlsafe(12))
        fill_demo(store, password, actor_name())
        operator = _working(store, key, _DEMO / "operator-token", _operator_token)
    base_url, console = f"{origin}/scim/v2", sign_ins(origin, password)
    show(
        {"scim_base_url": base_url, "token": token, "console": console, "operator_token": operator},
        f"SCIM base URL  {base_url}\n"
        f"Bearer token   {token}\n"
        f'Try            curl -H "Authorization: Bearer {token}" {base_url}/Users\n'
        + "".join(f"Console        {each['url']}  as {each['name']}\n" for each in console)
        + f"Password       {password}\n"
        f"Operator       {origin}/console/operator  with {operator}\n"
        f"E-mail         {(_DEMO / 'mail').absolute()}\n",
        as_json=as_json,
    )


def start_worker(environ: dict[str, str]) -> None:
    """Start a worker, which ends with the server."""
    subprocess.Popen([sys.executable, "-c", _WORKER], env=environ)  # noqa: S603  # our own interpreter, no shell


def _operator_token(store: Store, key: DigestKey) -> str:
    with begin_platform(store, write=True) as platform:
        return issue_operator_token(platform, key, None)[1]


def _demo_token(store: Store, key: DigestKey) -> str:
    credentials = operator_credentials(store, _DEMO_SLUG, actor_id=actor_name())
    with begin(store, credentials, write=True) as tenant:
        return issue_token(tenant, key, DEFAULT_CONNECTION, "scim", None)[1]


def _working(store: Store, key: DigestKey, path: Path, make: Callable[[Store, DigestKey], str]) -> str:
    """Return the token a file keeps; another in its place where it no longer works."""
    token = _kept(path, lambda: make(store, key))
    try:
        authenticate(store, key, token, "")
    except UnauthorizedException:
        path.unlink()
        token = _kept(path, lambda: make(store, key))
    return token


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the secret a file keeps, made and written the first time for its owner's eyes only."""
    if not path.exists():
        value = make()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
    return path.read_text().strip()
