"""The commands around members and e-mail, and the worker as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from flask import Flask

from scim_server.cli import main
from scim_server.delivery.worker import Desk
from tests.databases import Database
from tests.delivery.conftest import BASE_URL
from tests.delivery.people import Portal, new_portal, secret_of
from tests.directory import environment
from tests.serving import ROOT

STOP_TIMEOUT_S = 30


@pytest.fixture
def variables(database: Database, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who develops: e-mail is kept as files."""
    mail = {"smtp_url": f"file://{tmp_path}/mail", "mail_from": "no-reply@portal.example"}
    return environment(database, base_url=BASE_URL, **mail)


@pytest.fixture
def portal(app: Flask, desk: Desk) -> Portal:
    """A portal of an organization's own."""
    return new_portal(app, desk)


def answer(variables: Mapping[str, str], *arguments: str) -> Any:
    """Run a command that works, and return its JSON."""
    result = CliRunner().invoke(main, [*arguments, "--json"], env=variables)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def worker(variables: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a worker."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SCIM_SERVER_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from scim_server.cli import main; main()", "worker", *arguments],
        cwd=ROOT,
        env={**inherited, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_member_is_invited_and_the_message_listed(portal: Portal, variables: dict[str, str]) -> None:
    """By userName, address or id; the link in the message opens the invitation."""
    slug, address = portal.organization.slug, "ada.lovelace@example.com"
    member_id = portal.new_member(address)
    assert answer(variables, "member", "invite", slug, address)["user_id"] == member_id
    process = worker(variables, "--once", "--json")
    told, _ = process.communicate(timeout=STOP_TIMEOUT_S)
    assert (process.returncode, orjson.loads(told)) == (0, {"done": 1})
    (kept,) = answer(variables, "mail", "list")
    assert (kept["to"], kept["subject"]) == (f"Ada Lovelace <{address}>", _subject(portal))
    assert portal.post("invitations/read", {"link": secret_of(kept["link"])})["member_id"] == member_id
    assert answer(variables, "member", "revoke-invitation", slug, member_id)["status"] == "revoked"
    assert portal.api.post("invitations/read", {"link": secret_of(kept["link"])}).status_code == 404


def _subject(portal: Portal) -> str:
    return f"The organization {portal.organization.slug} invites you to its portal"


def test_a_refusal_says_what_to_do(portal: Portal, variables: dict[str, str]) -> None:
    """In one line."""
    slug = portal.organization.slug
    member_id = portal.new_member()
    for arguments, told in (
        (("member", "reset-password", slug, member_id), "the member is contact; give them access, or invite them"),
        (("member", "revoke-invitation", slug, member_id), "the member is contact; revoke takes one who is invited"),
        (("member", "invite", slug, "nobody"), "there is no member 'nobody'"),
    ):
        result = CliRunner().invoke(main, arguments, env=variables)
        assert (result.exit_code, result.stderr) == (1, f"scim-server: {told}\n")


def test_messages_that_are_sent_are_not_listed(variables: dict[str, str]) -> None:
    """The refusal says when they are kept."""
    sent = {**variables, "SCIM_SERVER_SMTP_URL": "smtp://127.0.0.1"}
    result = CliRunner().invoke(main, ["mail", "list"], env=sent)
    assert (result.exit_code, "file:///DIRECTORY" in result.stderr) == (1, True)


def test_a_worker_works_until_it_is_told_to_end(portal: Portal, variables: dict[str, str]) -> None:
    """What is asked for while it runs is done; on SIGTERM it ends well."""
    process = worker(variables)
    try:
        member_id = portal.new_member()
        portal.post(f"members/{member_id}/invitation")
        ends_at = time.monotonic() + STOP_TIMEOUT_S
        while portal.invitation(member_id)["status"] != "sent" and time.monotonic() < ends_at:
            time.sleep(0.1)
        assert portal.invitation(member_id)["status"] == "sent"
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_TIMEOUT_S) == 0
    finally:
        process.kill()
        process.communicate()
