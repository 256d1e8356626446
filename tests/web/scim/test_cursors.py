"""Pages by cursor (RFC 9865): the order of pages by index, stable while resources come and go."""

import itertools
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask

from scim_server.protocol.cursors import TIMEOUT_S, CursorKey
from scim_server.protocol.queries import MAX_RESULTS, SEARCH_REQUEST_URN
from scim_server.store.session import utc_now
from scim_server.web.site import extension_key
from tests.databases import Database
from tests.directory import Client, group_body, new_client, running_app, set_clock, site_of, user_body

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PAGE = 4

# Values with ties, in both cases, outside ASCII, empty, and none at all.
_TEXTS = ["b", None, "B", "ä", "a", "Z", "", None, "é", "a", "c"]
_EMAILS: list[list[dict[str, Any]] | None] = [
    [{"value": "m@example.com", "type": "work"}, {"value": "a@example.com", "type": "home", "primary": True}],
    None,
    [{"value": "Z@example.com"}, {"value": "b@example.com"}],
    [{"value": "a@example.com", "type": "other"}],
    [{"type": "home"}],
]


def _people() -> Iterator[dict[str, Any]]:
    texts, emails = itertools.cycle(_TEXTS), itertools.cycle(_EMAILS)
    for number in range(23):
        attributes = {
            "externalId": str(number % 7) if number % 3 else None,
            "displayName": next(texts),
            "name": {"familyName": next(texts)},
            "emails": next(emails),
            "active": number % 3 != 0,
            "roles": [{"value": "x", "primary": number % 2 == 0}] if number % 4 else None,
            ENTERPRISE: {"employeeNumber": str(number % 5)} if number % 2 else None,
        }
        yield user_body(f"{'Uu'[number % 2]}ser{(number * 7) % 23}", **attributes)


@pytest.fixture(scope="module")
def people(app: Flask) -> Client:
    """A client of an organization of 23 users and 6 groups, which no test changes."""
    client = new_client(app)
    ids = []
    for person in _people():
        response = client.post("/Users", person)
        assert response.status_code == 201, response.text
        ids.append(response.get_json()["id"])
    for number in range(6):
        body = group_body(f"{'gG'[number % 2]}roup{number}", ids[number : number + number % 3])
        assert client.post("/Groups", body).status_code == 201
    # A later change, so that lastModified has an order of its own.
    client.patch(f"/Users/{ids[3]}", {"op": "add", "path": "nickName", "value": "n"})
    return client


def listed(client: Client, path: str, parameters: dict[str, str]) -> list[str]:
    """Return the ids of all resources of a query in the order of pages by index."""
    answer = client.read(f"{path}?{urlencode({**parameters, 'count': '1000'})}")
    assert answer["totalResults"] == len(answer["Resources"])
    return [each["id"] for each in answer["Resources"]]


def page(client: Client, path: str, parameters: dict[str, Any], cursor: str = "") -> Any:
    """Return a page by cursor."""
    return client.read(f"{path}?{urlencode({**parameters, 'cursor': cursor})}")


def walk(
    client: Client, path: str, parameters: dict[str, Any], first: Any = None, link: str = "nextCursor"
) -> list[Any]:
    """Return the pages from the first, or from a given one, along one of its two links."""
    pages = [page(client, path, parameters) if first is None else first]
    while link in pages[-1]:
        pages.append(page(client, path, parameters, pages[-1][link]))
        assert len(pages) < 200, "the scan does not end"
    return pages


def ids_of(pages: list[Any]) -> list[str]:
    return [each["id"] for page in pages for each in page["Resources"]]


def refusal(response: Any) -> tuple[int, str | None]:
    return response.status_code, response.get_json().get("scimType")


SORTS = [
    ("/Users", None),
    *(
        ("/Users", name)
        for name in (
            *("userName", "id", "externalId", "displayName", "name.familyName", "active", "nickName", "profileUrl"),
            *("emails", "emails.value", "emails.type", "emails.primary", "roles.primary", "groups", "groups.display"),
            *("meta.created", "meta.lastModified", "meta.location", "meta.resourceType", "meta.version"),
            *(f"{ENTERPRISE}:employeeNumber", f"{ENTERPRISE}:manager.value"),
        )
    ),
    *(("/Groups", name) for name in (None, "displayName", "members", "members.display", "members.type", "externalId")),
    *(
        ("", name)
        for name in (None, "displayName", "userName", "id", "externalId", "meta.created", "meta.resourceType")
    ),
    *(("", name) for name in ("active", "emails.primary", "members", "meta.lastModified", "meta.version")),
]


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize(("path", "sort_by"), SORTS, ids=[f"{path or 'root'} {name}" for path, name in SORTS])
def test_a_walk_is_the_order_by_index(people: Client, path: str, sort_by: str | None, order: str) -> None:
    """Forwards and backwards, for every kind of value, ties and missing values included."""
    parameters = {} if sort_by is None else {"sortBy": sort_by, "sortOrder": order}
    expected = listed(people, path, parameters)
    assert len(expected) == {"/Users": 23, "/Groups": 6, "": 29}[path]
    forwards = walk(people, path, {**parameters, "count": PAGE})
    assert ids_of(forwards) == expected
    assert [len(each["Resources"]) for each in forwards[:-1]] == [PAGE] * (len(forwards) - 1)
    backwards = walk(people, path, {**parameters, "count": PAGE}, forwards[-1], "previousCursor")
    assert [each["Resources"] for each in backwards[::-1]] == [each["Resources"] for each in forwards]
    again = walk(people, path, {**parameters, "count": PAGE}, backwards[-1])
    assert ids_of(again) == expected


@pytest.mark.parametrize("count", [1, 5, 22, 23, 24])
def test_a_filtered_walk_meets_what_matches(people: Client, count: int) -> None:
    """Each page counts all that match; only the first lacks a previous cursor, only the last a next one."""
    parameters = {"filter": 'userName sw "u"', "sortBy": "displayName", "count": str(count)}
    pages = walk(people, "/Users", parameters)
    assert ids_of(pages) == listed(people, "/Users", parameters)
    assert len(pages) == -(-23 // count)
    assert {each["totalResults"] for each in pages} == {23}
    assert ["previousCursor" in each for each in pages] == [False] + [True] * (len(pages) - 1)
    # RFC 9865 §2: no startIndex in a page by cursor, and no cursor in a page by index.
    assert not any("startIndex" in each for each in pages)
    assert not people.read("/Users?count=2").keys() & {"nextCursor", "previousCursor"}


def test_a_post_walks_as_a_get_does(people: Client) -> None:
    """A SearchRequest takes a cursor, the same as the query string (RFC 9865 §2.3)."""
    message = {"schemas": [SEARCH_REQUEST_URN], "sortBy": "displayName", "count": 10, "cursor": ""}
    answer, found = people.post("/.search", message).get_json(), []
    while True:
        found += [each["id"] for each in answer["Resources"]]
        if "nextCursor" not in answer:
            break
        answer = people.post("/.search", {**message, "cursor": answer["nextCursor"]}).get_json()
    assert found == listed(people, "", {"sortBy": "displayName"})


def test_a_cursor_is_of_unreserved_characters(people: Client) -> None:
    """It goes into a URL as it is (RFC 9865 §2), and says nothing of the resource it stands at."""
    cursor = page(people, "/Users", {"sortBy": "userName", "count": 1})["nextCursor"]
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", cursor)
    assert people.read(f"/Users?sortBy=userName&count=1&cursor={cursor}")["Resources"]


@pytest.mark.parametrize("count", [0, -1, -5])
def test_a_count_of_zero_has_no_cursor(people: Client, count: int) -> None:
    """It answers the total alone, so that no client walks without end; less than zero is zero (RFC 9865 §2)."""
    answer = page(people, "/Users", {"count": count})
    assert (answer["totalResults"], answer["Resources"]) == (23, [])
    assert not answer.keys() & {"nextCursor", "previousCursor"}


def test_an_empty_cursor_begins_and_a_missing_count_has_a_default(people: Client) -> None:
    """Without a count the page is of the announced default size; the next cursor keeps the first count."""
    assert len(page(people, "/Users", {})["Resources"]) == 23
    cursor = page(people, "/Users", {"count": PAGE})["nextCursor"]
    assert len(page(people, "/Users", {}, cursor)["Resources"]) == PAGE


FOREIGN: dict[str, Callable[[str], str]] = {
    "of no server": lambda cursor: "nonsense",
    "changed": lambda cursor: cursor[:-8] + ("A" if cursor[-8] != "A" else "B") + cursor[-7:],
    "changed time": lambda cursor: cursor[:3] + ("A" if cursor[3] != "A" else "B") + cursor[4:],
    "cut": lambda cursor: cursor[:-1],
    "longer": lambda cursor: cursor + "A",
    "twice": lambda cursor: cursor * 2,
    "too long": lambda cursor: "A" * 9000,
    "no characters of a cursor": lambda cursor: "é😀 %",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_cursor_that_is_not_ours_is_refused(people: Client, name: str) -> None:
    """RFC 9865 §2.1: 400 with invalidCursor."""
    parameters = {"sortBy": "userName", "count": PAGE}
    cursor = page(people, "/Users", parameters)["nextCursor"]
    forged = FOREIGN[name](cursor)
    sent = {"schemas": [SEARCH_REQUEST_URN], **parameters, "cursor": forged}
    assert refusal(people.post("/Users/.search", sent)) == (400, "invalidCursor")
    if len(forged) < 8000:
        response = people.get(f"/Users?{urlencode({**parameters, 'cursor': forged})}")
        assert refusal(response) == (400, "invalidCursor")


def test_a_cursor_belongs_to_its_query(app: Flask, people: Client) -> None:
    """Another filter, order, endpoint, connection or organization has no use for it."""
    parameters = {"filter": "userName pr", "sortBy": "userName", "count": str(PAGE)}
    cursor = page(people, "/Users", parameters)["nextCursor"]
    others = [
        ("/Users", {**parameters, "filter": "id pr"}),
        ("/Users", {**parameters, "filter": ""}),
        ("/Users", {**parameters, "sortBy": "id"}),
        ("/Users", {**parameters, "sortBy": ""}),
        ("/Users", {**parameters, "sortOrder": "descending"}),
        ("/Groups", parameters),
        ("", parameters),
    ]
    for path, other in others:
        response = people.get(f"{path}?{urlencode({**other, 'cursor': cursor})}")
        assert response.status_code == 400
        assert response.get_json()["scimType"] in ("invalidCursor", "invalidFilter"), (path, other)
    again = f"/Users?{urlencode({**parameters, 'cursor': cursor})}"
    elsewhere = new_client(app)
    elsewhere.new_user()
    same_organization = new_client(app, people.organization, connection="another of the organization")
    for client in (elsewhere, same_organization):
        assert refusal(client.get(again)) == (400, "invalidCursor")
    # What is answered of each resource may differ from page to page.
    assert people.get(f"{again}&attributes=userName").status_code == 200


def test_a_cursor_serves_every_token_of_its_connection(app: Flask, people: Client) -> None:
    """A token may be replaced in the middle of a scan."""
    cursor = page(people, "/Users", {"count": PAGE})["nextCursor"]
    rotated = new_client(app, people.organization)
    assert len(page(rotated, "/Users", {"count": PAGE}, cursor)["Resources"]) == PAGE


def test_a_cursor_of_another_key_is_refused(database: Database) -> None:
    """Its seal is the server's own: after the secret key was changed, it is no cursor."""
    with running_app(database) as app:
        client = new_client(app)
        client.new_user()
        client.new_user()
        cursor = page(client, "/Users", {"count": 1})["nextCursor"]
        app.extensions[extension_key()] = replace(site_of(app), cursor_key=CursorKey.derive("another secret key"))
        assert refusal(client.get(f"/Users?count=1&cursor={cursor}")) == (400, "invalidCursor")


def test_a_cursor_expires(database: Database) -> None:
    """After the announced time it is 400 expiredCursor, until then it is taken (RFC 9865 §2.1)."""
    with running_app(database) as app:
        client = new_client(app)
        for _ in range(3):
            client.new_user()
        announced = client.read("/ServiceProviderConfig")["pagination"]["cursorTimeout"]
        assert announced == TIMEOUT_S
        cursor = page(client, "/Users", {"count": 1})["nextCursor"]
        set_clock(app, lambda: utc_now() + timedelta(seconds=announced - 60))
        assert client.get(f"/Users?count=1&cursor={cursor}").status_code == 200
        set_clock(app, lambda: utc_now() + timedelta(seconds=announced + 60))
        assert refusal(client.get(f"/Users?count=1&cursor={cursor}")) == (400, "expiredCursor")
        assert site_of(app).store.clock() > utc_now()


def test_the_count_stays_what_it_was(people: Client) -> None:
    """RFC 9865 §2.1: another count than that of the first request is 400 invalidCount."""
    cursor = page(people, "/Users", {"count": PAGE})["nextCursor"]
    assert people.get(f"/Users?count={PAGE}&cursor={cursor}").status_code == 200
    for count in (PAGE + 1, PAGE - 1, 0):
        assert refusal(people.get(f"/Users?count={count}&cursor={cursor}")) == (400, "invalidCount")
    assert refusal(people.get(f"/Users?count={MAX_RESULTS + 1}&cursor=")) == (400, "invalidCount")


def test_a_page_is_by_index_or_by_cursor(people: Client) -> None:
    """Both at once contradict each other."""
    assert refusal(people.get("/Users?startIndex=1&cursor=")) == (400, "invalidValue")


def test_discovery_announces_cursors(client: Client) -> None:
    """The pagination of the ServiceProviderConfig says what works (RFC 9865 §4)."""
    assert client.read("/ServiceProviderConfig")["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": MAX_RESULTS,
        "cursorTimeout": TIMEOUT_S,
    }


def _names(number: int) -> Iterator[str]:
    """Return names in no order, each once."""
    source = random.Random(number)
    while True:
        yield f"{source.choice('abcxyz')}{source.getrandbits(40):x}"


SCANS: list[dict[str, Any]] = [
    {},
    {"sortBy": "userName"},
    {"sortBy": "displayName", "sortOrder": "descending"},
    {"sortBy": "meta.created", "sortOrder": "descending"},
]


@pytest.mark.parametrize("scan", SCANS, ids=urlencode)
@pytest.mark.parametrize("seed", range(2))
def test_a_scan_meets_what_stays_exactly_once(client: Client, scan: dict[str, Any], seed: int) -> None:
    """Between the pages users are deleted, those at the cursor too, and others created: none that stays is missed."""
    source, fresh = random.Random(seed), _names(seed)
    for number in range(24):
        client.new_user(next(fresh), displayName=None if number % 3 else "same")
    alive = set(listed(client, "/Users", {}))
    at_first, deleted, met = set(alive), set(), list[str]()
    answer = page(client, "/Users", {**scan, "count": 3})
    while True:
        found = [each["id"] for each in answer["Resources"]]
        met += found
        if "nextCursor" not in answer:
            break
        # The one the cursor stands at, one met already, and one to come.
        for victim in {found[-1], source.choice(sorted(alive)), source.choice(sorted(alive))} & alive:
            assert client.delete(f"/Users/{victim}").status_code == 204
            alive.discard(victim)
            deleted.add(victim)
        if source.random() < 0.7:
            client.new_user(next(fresh), displayName="same")
        answer = page(client, "/Users", {**scan, "count": 3}, answer["nextCursor"])
    assert len(met) == len(set(met)), "a user is met twice"
    assert at_first - deleted <= set(met)


def test_a_scan_beside_a_writer_meets_what_stays_exactly_once(app: Flask, client: Client) -> None:
    """The same holds while another client deletes and creates all the time."""
    fresh = _names(7)
    stay = {client.new_user(next(fresh)) for _ in range(30)}
    leaving = [client.new_user(next(fresh)) for _ in range(30)]
    writer, over = new_client(app, client.organization), threading.Event()

    def write() -> None:
        for each in leaving:
            writer.delete(f"/Users/{each}")
            writer.new_user(next(fresh))
            if over.is_set():
                break

    thread = threading.Thread(target=write)
    thread.start()
    try:
        scans = [walk(client, "/Users", {"sortBy": "userName", "count": 7}) for _ in range(2)]
    finally:
        over.set()
        thread.join()
    for scan in scans:
        met = ids_of(scan)
        assert len(met) == len(set(met))
        assert stay <= set(met)


def test_a_position_survives_its_own_value(client: Client) -> None:
    """A cursor at a user who is renamed or deleted goes on from where that user was."""
    ids = [client.new_user(name) for name in ("a", "b", "c", "d")]
    cursor = quote(page(client, "/Users", {"sortBy": "userName", "count": 2})["nextCursor"])
    assert client.put(f"/Users/{ids[1]}", user_body("z")).status_code == 200
    assert client.delete(f"/Users/{ids[0]}").status_code == 204
    rest = client.read(f"/Users?sortBy=userName&count=2&cursor={cursor}")
    assert [each["userName"] for each in rest["Resources"]] == ["c", "d"]
    before = client.read(f"/Users?sortBy=userName&count=2&cursor={rest['previousCursor']}")
    assert before["Resources"] == []
