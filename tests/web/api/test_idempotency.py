"""A POST with an Idempotency-Key is done once, however often it is sent."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from scim_server.actions.resources import prepare
from scim_server.protocol.documents import Parts
from scim_server.protocol.errors import UnavailableException
from scim_server.store.idempotency import KEPT_FOR, LEASE
from scim_server.store.session import begin_platform, utc_now
from scim_server.store.tables import idempotency_keys
from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import set_clock, site_of, unique


@pytest.fixture
def members(app: Flask) -> ApiClient:
    """A client that reads and writes members."""
    return api_client(app, "members:read", "members:write")


def body_of(user_name: str) -> dict[str, object]:
    return {"attributes": {"userName": user_name}, "password": "the password of a user"}


def told(answer: TestResponse) -> tuple[object, ...]:
    """Return what an answer tells a client."""
    return (answer.status_code, answer.data, *(answer.headers.get(name) for name in ("Location", "ETag")))


def test_a_replay_is_answered_as_the_first_time(members: ApiClient) -> None:
    """Status, body, Location and ETag are the first ones, whatever has happened since; one user was made."""
    first = members.post("members", body_of("ada"), Idempotency_Key="one")
    members.patch(f"members/{first.get_json()['id']}", {"active": False})
    again = members.post("members", body_of("ada"), Idempotency_Key="one")
    assert told(again) == told(first)
    assert first.status_code == 201
    assert members.read("members")["total"] == 1


def test_an_error_is_replayed_too(members: ApiClient) -> None:
    """It is the answer to that request; a new key is a new request."""
    first = members.post("members", {}, Idempotency_Key="one")
    again = members.post("members", {}, Idempotency_Key="one")
    assert told(again) == told(first)
    assert list(errors_of(again)) == ["/attributes"]
    assert members.post("members", body_of("ada"), Idempotency_Key="two").status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [("members", body_of("grace")), ("groups", {"attributes": {"displayName": "ada"}})],
)
def test_another_request_with_the_key_is_refused(members: ApiClient, path: str, body: object) -> None:
    """422 for another payload and for another path; nothing is made."""
    members.post("members", body_of("ada"), Idempotency_Key="one")
    problem_of(members.post(path, body, Idempotency_Key="one"), 422)
    assert (members.read("members")["total"], members.read("groups?kind=team")["total"]) == (1, 0)


def test_a_key_belongs_to_its_token_and_its_organization(app: Flask, operator: ApiClient) -> None:
    """The same key of another token, or for another organization, is another request."""
    others = [api_client(app, "members:write") for _ in range(2)]
    same = api_client(app, "members:write", organization=others[0].organization)
    ids = {
        client.post("members", body_of(name), Idempotency_Key="one").get_json()["id"]
        for client, name in ((others[0], "ada"), (others[1], "ada"), (same, "grace"))
    }
    for client in others:
        place = f"/organizations/{client.organization.slug}/members"
        ids.add(operator.post(place, body_of("alan"), Idempotency_Key="one").get_json()["id"])
    assert len(ids) == 5


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_is_short_and_visible(members: ApiClient, key: str) -> None:
    """Any other is refused, and the header is named."""
    answer = members.post("members", body_of("ada"), Idempotency_Key=key)
    assert list(errors_of(answer)) == ["Idempotency-Key"]
    assert members.read("members")["total"] == 0


def test_nothing_that_was_sent_or_answered_can_be_read_in_the_database(app: Flask, members: ApiClient) -> None:
    """Neither the key, nor the request, nor the answer."""
    members.post("members", body_of("hypatia"), Idempotency_Key="a-key-of-mine")
    with begin_platform(site_of(app).store, write=False) as platform:
        rows = platform.db.execute(
            select(idempotency_keys).where(idempotency_keys.c.org_id == members.organization.id)
        ).all()
    assert len(rows) == 1
    stored = str([bytes(each) if isinstance(each, memoryview) else each for each in rows[0]])
    assert not [word for word in ("a-key-of-mine", "hypatia", "password", "userName") if word in stored]


def test_of_many_at_once_one_is_done(app: Flask, members: ApiClient) -> None:
    """The others are answered as it, or that it is under way."""
    at_once, answers = 6, list[TestResponse]()
    barrier = threading.Barrier(at_once)

    def send() -> None:
        client = ApiClient(app.test_client(), members.organization, members.token)
        barrier.wait()
        answers.append(client.post("members", body_of("ada"), Idempotency_Key="one"))

    threads = [threading.Thread(target=send) for _ in range(at_once)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    done = {told(answer) for answer in answers if answer.status_code == 201}
    assert len(done) == 1
    assert members.read("members")["total"] == 1
    assert told(members.post("members", body_of("ada"), Idempotency_Key="one")) in done


def test_a_request_that_a_crash_ended_can_be_sent_again(
    app: Flask, members: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before its lease has run out, since it may still be under way; then it is done, once."""
    store = site_of(app).store

    def crash(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("scim_server.web.api.members.create_member", crash)
        with pytest.raises(SystemExit):
            members.post("members", body_of("ada"), Idempotency_Key="one")
    problem_of(members.post("members", body_of("ada"), Idempotency_Key="one"), 409)
    assert members.read("members")["total"] == 0
    try:
        set_clock(app, lambda: utc_now() + LEASE)
        problem_of(members.post("members", body_of("grace"), Idempotency_Key="one"), 422)
        answers = [members.post("members", body_of("ada"), Idempotency_Key="one") for _ in range(2)]
    finally:
        set_clock(app, store.clock)
    assert answers[0].status_code == 201
    assert told(answers[0]) == told(answers[1])


def test_what_outlives_its_lease_is_undone(app: Flask, members: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that another has claimed since changes nothing."""
    again = update(idempotency_keys).where(idempotency_keys.c.org_id == members.organization.id)

    def slow(*arguments: Any) -> Parts:
        with begin_platform(site_of(app).store, write=True) as platform:
            platform.db.execute(again.values(leased_until=utc_now() + 2 * LEASE))
        return prepare(*arguments)

    monkeypatch.setattr("scim_server.web.api.members.prepare", slow)
    problem_of(members.post("members", body_of("ada"), Idempotency_Key="one"), 409)
    assert members.read("members")["total"] == 0


def test_after_a_failure_of_the_server_it_can_be_sent_again_at_once(
    app: Flask, members: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is no answer to keep."""

    def fail(*_: object) -> None:
        raise UnavailableException

    with monkeypatch.context() as patched:
        patched.setattr("scim_server.web.api.members.create_member", fail)
        problem_of(members.post("members", body_of("ada"), Idempotency_Key="one"), 503)
    assert members.post("members", body_of("ada"), Idempotency_Key="one").status_code == 201


def test_a_key_is_forgotten_after_a_day(app: Flask, members: ApiClient) -> None:
    """Then the same key is a new request, and what was kept is gone."""
    store = site_of(app).store
    members.post("groups", {"attributes": {"displayName": unique("group")}}, Idempotency_Key="one")
    members.post("groups", {"attributes": {"displayName": unique("group")}}, Idempotency_Key="two")
    try:
        set_clock(app, lambda: utc_now() + KEPT_FOR + timedelta(seconds=1))
        answer = members.post("groups", {"attributes": {"displayName": unique("group")}}, Idempotency_Key="one")
    finally:
        set_clock(app, store.clock)
    assert answer.status_code == 201
    with begin_platform(store, write=False) as platform:
        kept = platform.db.scalars(
            select(idempotency_keys.c.digest).where(idempotency_keys.c.org_id == members.organization.id)
        ).all()
    assert len(kept) == 1


def test_only_a_post_has_a_key(members: ApiClient) -> None:
    """Other methods may be repeated anyway: the header is as one that is not there."""
    user = members.made("members", body_of("ada"))["id"]
    for active in (False, True):
        answer = members.patch(f"members/{user}", {"active": active}, Idempotency_Key="one")
        assert answer.get_json()["active"] is active
