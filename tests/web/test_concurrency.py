"""Many clients at once, on two workers of gunicorn: nothing is lost, nothing doubled, and nothing is a 500."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.directory import (
    SCIM_PREFIX,
    Client,
    add_members,
    group_body,
    new_client,
    patch_body,
    remove_member,
    trail_actions,
    unique,
    user_body,
)
from tests.serving import Served

CLIENTS = 8


class Crowd:
    """Clients that each have a connection of their own to the server, and start together."""

    def __init__(self, client: Client, url: str) -> None:
        self._url = f"{url}{SCIM_PREFIX}"
        headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/scim+json"}
        self._connections = [httpx.Client(trust_env=False, headers=headers, timeout=20) for _ in range(CLIENTS)]

    def send(self, number: int, method: str, path: str, body: Any = None, **headers: str) -> int:
        """Send a request as one of the clients, and return its status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._connections[number].request(method, f"{self._url}{path}", json=body, headers=sent)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/scim+json"
        return answer.status_code

    def each(self, act: Callable[[int], Sequence[int]]) -> Counter[int]:
        """Let every client act at the same time; return how often each status came.

        No status is a 500, and none a 503: there is time enough for all.
        """
        statuses: list[int] = []
        failures: list[BaseException] = []
        together = threading.Barrier(CLIENTS)

        def run(number: int) -> None:
            try:
                together.wait(10)
                statuses.extend(act(number))
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        assert max(statuses) < 500
        return Counter(statuses)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()


@pytest.fixture
def client(app: Flask) -> Client:
    """A client whose groups are never answered to a PATCH, which leaves more time for races."""
    return new_client(app, connection="entra", profile="entra")


@pytest.fixture
def crowd(client: Client, served: Served) -> Iterator[Crowd]:
    """Eight clients of one connection."""
    crowd = Crowd(client, served.url)
    yield crowd
    crowd.close()


def test_members_added_and_removed_at_once_are_all_counted(client: Client, crowd: Crowd) -> None:
    """Eight clients change one group: who was added is in it, who was removed is not, and each change is a version."""
    staying, leaving = ([client.new_user() for _ in range(CLIENTS)] for _ in range(2))
    group = client.new_group(members=leaving)
    path = f"/Groups/{group}"

    def act(number: int) -> list[int]:
        return [
            crowd.send(number, "PATCH", path, patch_body(operation))
            for operation in (
                add_members(staying[number]),
                remove_member(leaving[number]),
                add_members(leaving[number]),
                remove_member(leaving[number]),
            )
        ]

    assert crowd.each(act) == {204: 4 * CLIENTS}
    assert client.members(group) == set(staying)
    assert client.read(path)["meta"]["version"] == f'W/"{1 + 4 * CLIENTS}"'
    assert trail_actions(client, group) == ["group.create", *["group.patch"] * 4 * CLIENTS]


def test_the_same_member_added_by_all_is_one_member(client: Client, crowd: Crowd) -> None:
    """Eight clients add the same members: one change, and the others find it done."""
    users = [client.new_user() for _ in range(5)]
    group = client.new_group()
    statuses = crowd.each(
        lambda number: [crowd.send(number, "PATCH", f"/Groups/{group}", patch_body(add_members(*users)))]
    )
    assert statuses == {204: CLIENTS}
    assert client.members(group) == set(users)
    assert client.read(f"/Groups/{group}")["meta"]["version"] == 'W/"2"'


def test_one_of_those_who_create_a_user_name_gets_it(client: Client, crowd: Crowd) -> None:
    """Of eight that create one userName at once, in any case, one is 201, seven are 409, and there is one row."""
    for _ in range(4):
        name = unique("racing")
        names = [name.upper() if number % 2 else name for number in range(CLIENTS)]

        def act(number: int, names: list[str] = names) -> list[int]:
            return [crowd.send(number, "POST", "/Users", user_body(names[number]))]

        statuses = crowd.each(act)
        assert statuses == {201: 1, 409: CLIENTS - 1}
        assert client.read(f'/Users?filter=userName eq "{name}"')["totalResults"] == 1
    assert client.read("/Users")["totalResults"] == 4


def test_one_of_those_who_take_a_user_name_gets_it(client: Client, crowd: Crowd) -> None:
    """Of eight users that are renamed to one userName at once, one is."""
    users = [client.new_user() for _ in range(CLIENTS)]
    rename = patch_body({"op": "replace", "path": "userName", "value": "taken"})
    statuses = crowd.each(lambda number: [crowd.send(number, "PATCH", f"/Users/{users[number]}", rename)])
    assert statuses == {200: 1, 409: CLIENTS - 1}
    assert client.read('/Users?filter=userName eq "taken"')["totalResults"] == 1


def test_a_member_that_is_deleted_meanwhile_is_no_member(client: Client, crowd: Crowd) -> None:
    """While users are deleted, groups take them as members: neither a dangling member nor a lost change remains."""
    groups = [client.new_group() for _ in range(4)]
    for _ in range(4):
        user, others = client.new_user(), [client.new_user() for _ in range(4)]

        def act(number: int, user: str = user, others: list[str] = others) -> list[int]:
            if number >= 4:
                return [crowd.send(number, "DELETE", f"/Users/{user}")]
            body = patch_body(add_members(user), add_members(others[number]))
            return [crowd.send(number, "PATCH", f"/Groups/{groups[number]}", body)]

        statuses = crowd.each(act)
        assert statuses[204] + statuses[400] + statuses[404] == CLIENTS
        assert statuses[404] == 3
        added = 0
        for number, group in enumerate(groups):
            members = client.members(group)
            assert user not in members
            added += others[number] in members
        assert added == 4 - statuses[400]


def test_one_of_those_who_change_one_version_does(client: Client, crowd: Crowd) -> None:
    """Of eight changes against the same version one is made, whoever comes first; the others are 412."""
    user, group = client.new_user(), client.new_group()
    for path in (f"/Users/{user}", f"/Groups/{group}"):
        for number_of_version in range(1, 4):
            tag = client.get(path).headers["ETag"]
            assert tag == f'W/"{number_of_version}"'

            def act(number: int, path: str = path, tag: str = tag) -> list[int]:
                body = patch_body({"op": "replace", "path": "externalId", "value": unique(f"by-{number}")})
                return [crowd.send(number, "PATCH", path, body, If_Match=tag)]

            statuses = crowd.each(act)
            assert statuses[412] == CLIENTS - 1
            assert statuses[200] + statuses[204] == 1


def test_groups_nested_crosswise_are_changed_without_a_deadlock(client: Client, crowd: Crowd) -> None:
    """Groups that become members of each other, and are renamed with that, are all changed."""
    users = [client.new_user() for _ in range(CLIENTS)]
    groups = [client.new_group() for _ in range(4)]

    def act(number: int) -> list[int]:
        own, statuses = groups[number % 4], []
        for step in range(1, 5):
            others = [each for each in groups if each != own]
            ordered = others if number % 2 else list(reversed(others))
            body = patch_body(
                {"op": "replace", "path": "displayName", "value": unique(f"renamed-{number}-{step}")},
                add_members(users[number], *ordered),
                remove_member(ordered[step % 3]),
            )
            statuses.append(crowd.send(number, "PATCH", f"/Groups/{own}", body))
        return statuses

    assert crowd.each(act) == {204: 4 * CLIENTS}
    for place, group in enumerate(groups):
        assert client.members(group) >= {users[place], users[place + 4]}
        assert client.read(f"/Groups/{group}")["meta"]["version"] == 'W/"9"'
    for user in users:
        assert sorted(client.groups(user)) == sorted(groups)


def test_users_and_their_groups_are_deleted_crosswise(client: Client, crowd: Crowd) -> None:
    """Users and the groups they are all in are deleted at once, and each is gone."""
    users = [client.new_user() for _ in range(CLIENTS)]
    groups = [client.new_group(members=users) for _ in range(CLIENTS)]

    def act(number: int) -> list[int]:
        paths = [f"/Users/{users[number]}", f"/Groups/{groups[-1 - number]}"]
        return [crowd.send(number, "DELETE", path) for path in (paths if number % 2 else reversed(paths))]

    assert crowd.each(act) == {204: 2 * CLIENTS}
    assert client.read("/Users")["totalResults"] == client.read("/Groups")["totalResults"] == 0


def test_a_reader_sees_a_group_before_or_after_a_change(client: Client, crowd: Crowd) -> None:
    """While one client replaces the members of a group, the others read it whole: one set or the other."""
    sets = [[client.new_user() for _ in range(3)] for _ in range(2)]
    group = client.new_group("group", sets[0])
    seen: list[frozenset[str]] = []

    def act(number: int) -> list[int]:
        if number == 0:
            return [
                crowd.send(number, "PUT", f"/Groups/{group}", group_body("group", sets[step % 2]))
                for step in range(1, 9)
            ]
        members = []
        for _ in range(8):
            answer = crowd._connections[number].get(f"{crowd._url}/Groups/{group}")
            members.append(frozenset(each["value"] for each in answer.json().get("members", ())))
        seen.extend(members)
        return [200]

    crowd.each(act)
    assert set(seen) <= {frozenset(each) for each in sets}
