"""Static tokens: two at once on a connection, rotated in steps, warned of, and known while the key is rotated."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scim2_models import UnauthorizedException
from sqlalchemy import select
from structlog.testing import CapturingLogger

from scim_server.actions.organizations import UnknownError
from scim_server.actions.tokens import (
    TooManyTokensError,
    cancel_rotation,
    complete_rotation,
    issue_operator_token,
    issue_token,
    list_issued,
    revoke,
    start_rotation,
)
from scim_server.protocol.catalog import Catalog
from scim_server.store.clients import look_up_client, proves
from scim_server.store.session import Store, begin, begin_platform
from scim_server.store.tables import tokens
from scim_server.store.tokens import DigestKey, TokenRecord, authenticate, count_by_key
from tests.databases import Database
from tests.directory import KEY, Organization, a_second_later, new_organization, opened, trail_of
from tests.web.oauth.clients import register

START = datetime(2030, 1, 1, tzinfo=UTC)
ROTATED = DigestKey.derive("the next secret key of the tests, long enough", "the secret key of the tests, long enough")


class Office:
    """An operator of an organization, who can wait."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self.now = START
        self._opened = opened(database, catalog, lambda: self.now)

    def __enter__(self) -> "Office":
        self.store: Store = self._opened.__enter__()
        self.organization: Organization = new_organization(self.store)
        return self

    def __exit__(self, *failure: Any) -> None:
        self._opened.__exit__(*failure)

    def do(self, action: Any, *arguments: Any) -> Any:
        """Run an action in a transaction."""
        with begin(self.store, self.organization.operator, write=True) as tenant:
            return action(tenant, *arguments)

    def issue(self, lifetime: timedelta | None = None) -> tuple[TokenRecord, str]:
        """Issue a token of the connection `default`."""
        issued: tuple[TokenRecord, str] = self.do(issue_token, KEY, "default", "scim:read", lifetime)
        return issued

    def lives(self, token: str) -> bool:
        """Return whether a token proves anything."""
        a_second_later(self.store)
        try:
            authenticate(self.store, KEY, token, "")
        except UnauthorizedException:
            return False
        return True


@pytest.fixture
def office(database: Database, catalog: Catalog) -> Iterator[Office]:
    """An office of the test's own."""
    with Office(database, catalog) as opened_office:
        yield opened_office


def test_two_tokens_of_a_connection_live_at_once(office: Office) -> None:
    """A third is refused, and told how to make room; what has ended, or stands for a person, does not count."""
    first, _ = office.issue(timedelta(days=1))
    second, _ = office.issue()
    with pytest.raises(TooManyTokensError, match=f"revoke one of them first: {first.id} and {second.id}"):
        office.issue()
    office.now += timedelta(days=1)
    third, _ = office.issue()
    with pytest.raises(TooManyTokensError):
        office.issue()
    assert office.do(revoke, third.id)
    office.issue()
    for _ in range(3):
        office.do(issue_token, KEY, None, "org:admin", None)


def test_a_rotation_is_completed(office: Office) -> None:
    """Both tokens are taken until then; the new one has the connection and scope of the old one."""
    old, old_token = office.issue()
    new, new_token = office.do(start_rotation, KEY, old.id, timedelta(days=365), None)
    assert (new.connection_id, new.scope, new.replaces_id) == (old.connection_id, "scim:read", old.id)
    assert new.expires_at == START + timedelta(days=365)
    assert office.lives(old_token)
    assert office.lives(new_token)
    assert office.do(complete_rotation, old.id).id == new.id
    assert [office.lives(old_token), office.lives(new_token)] == [False, True]
    with pytest.raises(UnknownError, match="no rotation"):
        office.do(complete_rotation, new.id)
    actions = [entry.action for entry in trail_of(office.organization)]
    assert actions[-3:] == ["token.issue", "token.rotate.start", "token.rotate.complete"]


def test_a_rotation_is_cancelled(office: Office) -> None:
    """The new token is gone, and the old one ends when it would have without the rotation."""
    old, old_token = office.issue(timedelta(days=30))
    new, new_token = office.do(start_rotation, KEY, old.id, None, timedelta(days=7))
    ends = {each.token.id: each.token.expires_at for each in office.do(list_issued)}
    assert ends == {old.id: START + timedelta(days=7), new.id: None}
    assert office.do(cancel_rotation, new.id).id == new.id
    assert [office.lives(old_token), office.lives(new_token)] == [True, False]
    assert office.do(list_issued)[0].token.expires_at == START + timedelta(days=30)
    office.do(start_rotation, KEY, old.id, None, None)


def test_an_old_token_may_end_by_itself(office: Office) -> None:
    """Never later than it would have anyway."""
    old, old_token = office.issue(timedelta(days=3))
    _, new_token = office.do(start_rotation, KEY, old.id, None, timedelta(days=7))
    office.now += timedelta(days=3)
    assert [office.lives(old_token), office.lives(new_token)] == [False, True]


def test_what_cannot_be_rotated_is_refused(office: Office) -> None:
    """An unknown or ended token; one that is being rotated; one of a connection with two tokens."""
    with pytest.raises(UnknownError, match="no live token"):
        office.do(start_rotation, KEY, "unknown", None, None)
    old, _ = office.issue()
    office.do(start_rotation, KEY, old.id, None, None)
    with pytest.raises(TooManyTokensError):
        office.do(start_rotation, KEY, old.id, None, None)
    of_portal, _ = office.do(issue_token, KEY, None, "org:admin", None)
    office.do(start_rotation, KEY, of_portal.id, None, None)
    with pytest.raises(ValueError, match="being rotated already"):
        office.do(start_rotation, KEY, of_portal.id, None, None)
    office.do(revoke, of_portal.id)
    with pytest.raises(UnknownError):
        office.do(start_rotation, KEY, of_portal.id, None, None)
    with pytest.raises(UnknownError):
        office.do(cancel_rotation, of_portal.id)


def test_the_end_of_a_token_is_warned_of(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 90, 60, 30 and 15 days, once each, in the log when it is used; in lists whenever it is due."""
    issued, token = office.issue(timedelta(days=100))
    # NB: not capture_logs, which does not reach a logger that has written before.
    monkeypatch.setattr("scim_server.store.tokens.log", logger := CapturingLogger())
    for day in range(100):
        office.now = START + timedelta(days=day, minutes=1)
        for _ in range(2):
            assert office.lives(token)
            office.now += timedelta(minutes=2)
    warned = [(each.kwargs["warning_days"], each.kwargs["token"]) for each in logger.calls]
    assert warned == [(days, issued.id) for days in (90, 60, 30, 15)]
    (listed,) = office.do(list_issued)
    assert (listed.expires_in_days, listed.warning) == (0, 15)
    office.now = START + timedelta(days=20)
    (listed,) = office.do(list_issued)
    assert (listed.expires_in_days, listed.warning) == (80, 90)
    office.now = START + timedelta(days=200)
    assert office.do(list_issued)[0].warning is None


def test_two_keys_verify_while_the_key_is_rotated(office: Office) -> None:
    """What was issued under the previous key is known, and kept under the new one once it is used."""
    record, token = office.issue()
    client = register(office.organization)

    def key_ids() -> set[str]:
        with begin_platform(office.store, write=False) as platform:
            return set(platform.db.scalars(select(tokens.c.key_id).where(tokens.c.id == record.id)))

    def is_proved() -> bool:
        known = look_up_client(office.store, client.id)
        assert known is not None
        return proves(office.store, ROTATED, known.client, client.secret)

    assert ROTATED.previous == KEY
    assert key_ids() == {KEY.id}
    assert authenticate(office.store, ROTATED, token, "").actor.id == record.id
    assert key_ids() == {ROTATED.id}
    assert is_proved()
    alone = DigestKey.derive("the next secret key of the tests, long enough")
    a_second_later(office.store)
    assert authenticate(office.store, alone, token, "").actor.id == record.id
    known = look_up_client(office.store, client.id)
    assert known is not None
    assert known.client.secret_key_id == alone.id
    assert proves(office.store, alone, known.client, client.secret)
    with pytest.raises(UnauthorizedException):
        authenticate(office.store, KEY, token, "")


def test_what_depends_on_a_key_is_counted(fresh_database: Database, catalog: Catalog) -> None:
    """Live tokens and secrets, by the key that they were issued under or last used with."""
    with Office(fresh_database, catalog) as office:
        office.issue()
        _, revoked = office.issue()
        office.organization.revoke(revoked)
        _, used = office.issue()
        register(office.organization)
        with begin_platform(office.store, write=True) as platform:
            issue_operator_token(platform, KEY, timedelta(days=1))
            assert count_by_key(platform) == {KEY.id: 4}
        authenticate(office.store, ROTATED, used, "")
        office.now += timedelta(days=1)
        with begin_platform(office.store, write=False) as platform:
            assert count_by_key(platform) == {KEY.id: 2, ROTATED.id: 1}
