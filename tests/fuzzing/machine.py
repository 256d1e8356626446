"""A state machine that sends what clients send to a server and to the reference, and finds no difference.

Two organizations, of which one has two connections: a lenient one and a strict one (the profile ``rfc``).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.catalog import Catalog
from scim_server.protocol.queries import SEARCH_REQUEST_URN
from tests.directory import NOBODY, group_body, patch_body
from tests.fuzzing import drawing
from tests.fuzzing.corpus import ENTERPRISE_URN
from tests.fuzzing.drawing import if_matches, picks, several
from tests.fuzzing.reference import Actor, Kept, Organization
from tests.fuzzing.reference_bulk import Bulk, Result
from tests.fuzzing.reference_values import Fault, Json, unordered

KINDS = ("User", "Group")
START = datetime(2026, 1, 31, 8, tzinfo=UTC)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOTHING = "not-created"
"""Stands for the id of what the server did not create, so that it is told apart from every id that is sent."""

actors = st.sampled_from((0, 0, 0, 1, 1, 2))
kinds = st.sampled_from(KINDS)


@dataclass(frozen=True)
class Reply:
    """An answer, however it came."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)


Send = Callable[[str, str, str, Any, dict[str, str]], Reply]
"""Sends a request: token, method, path below the SCIM base URL, body, headers."""


@dataclass(frozen=True)
class Served:
    """A server under test: two organizations and the tokens of their three connections.

    ``set_clock`` lets the server read the time from the machine; None where it has a clock of its own.
    """

    catalog: Catalog
    base: str
    send: Send
    tokens: tuple[str, str, str]
    set_clock: Callable[[Callable[[], datetime]], None] | None = None


class DirectoryMachine(RuleBasedStateMachine):
    """Steps of a random conversation; after each one, what every connection sees is what the reference has."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served = served
        self.moment = START
        if served.set_clock is not None:
            served.set_clock(lambda: self.moment)
        self.organizations = [Organization(served.catalog, served.base) for _ in range(2)]
        first, second = self.organizations
        self.actors = (
            Actor("default", first, strict=False),
            Actor("strict", first, strict=True),
            Actor("default", second, strict=False),
        )
        self.definitions = {name: served.catalog.by_name(name) for name in KINDS}

        self._populate()

    def _populate(self) -> None:
        """Have some people and groups to begin with, nested groups among them."""
        for at, users in ((0, drawing.PEOPLE[:4]), (1, drawing.PEOPLE[4:]), (2, drawing.PEOPLE[:2])):
            for body in users:
                self._create(at, "User", {**body, "userName": f"{body['userName']}{at}"})
            actor = self.actors[at]
            for number, name in enumerate(("staff", "Board", "İ")[: 3 - at]):
                people, groups = (actor.organization.seen(actor, kind) for kind in KINDS)
                members = [each.id for each in (*people[number : number + 2], *groups[-1:])]
                self._create(at, "Group", group_body(name, members))
        self.every_connection_sees_what_it_should()

    # Sending, and choosing whom a step is about.

    def send(self, at: int, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send a request; whatever the answer is, nothing in it is of the other organization."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.served.send(self.served.tokens[at], method, path, body, sent)
        assert reply.status < 500, reply.text
        if reply.text:
            assert reply.headers["content-type"] == "application/scim+json"
        named = path + orjson.dumps(body).decode()
        for other in self.organizations:
            if other is not self.actors[at].organization:
                strangers = (each for each in (*other.kept, *other.deleted) if each not in named)
                assert not any(each in reply.text for each in strangers), "an answer tells of another organization"
        return reply

    def tick(self) -> None:
        """Let time pass, or not: some requests come within the same millisecond."""
        if self.moment.microsecond == 0:
            self.moment += timedelta(milliseconds=1)
        elif len(self.organizations[0].kept) % 2:
            self.moment += timedelta(seconds=1, milliseconds=-1)
        for organization in self.organizations:
            organization.now = self.now if self.served.set_clock is not None else None

    @property
    def now(self) -> str:
        return self.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def candidates(self, at: int, *names: str) -> list[str]:
        """Return ids a request may name: all that are there, and now and then some that are not."""
        actor = self.actors[at]
        there = [each.id for name in names for each in actor.organization.seen(actor, name)]
        return (there * 4)[: max(12, len(there))] + self.strangers(at)

    def strangers(self, at: int) -> list[str]:
        """Return ids of resources that are gone, another connection's, another organization's, or nobody's."""
        actor, own = self.actors[at], self.actors[at].organization
        hidden = [each.id for each in own.kept.values() if own.find(actor, each.kind, each.id) is None]
        other = next(each for each in self.organizations if each is not own)
        return [*own.deleted[-1:], *hidden[:1], *list(other.kept)[:1], NOBODY]

    def pick(self, at: int, kind: str, place: int) -> str:
        candidates = self.candidates(at, kind)
        return candidates[place % len(candidates)]

    def members(self, at: int, places: Sequence[int]) -> list[Json]:
        """Return members as a client names them: mostly by ``value``, now and then by ``$ref`` alone."""
        candidates = self.candidates(at, *KINDS)
        ids = [candidates[place % len(candidates)] for place in places]
        by_reference = [{"$ref": f"{self.served.base}/Users/{each}"} for each in ids]
        return [by_reference[number] if number == 3 else {"value": each} for number, each in enumerate(ids)]

    def if_match(self, at: int, kind: str, resource_id: str, choice: str | None) -> dict[str, str]:
        actor = self.actors[at]
        kept = actor.organization.find(actor, kind, resource_id)
        version = (kept.version if kept else None) or 1
        values = {
            "*": "*",
            "right": f'W/"{version}"',
            "among others": f'W/"{version + 7}", W/"{version}.0123456789ab"',
            "stale": f'W/"{version - 1}"',
            "foreign": '"abc"',
        }
        return {"If_Match": values[choice]} if choice else {}

    def refused(self, reply: Reply, fault: Fault) -> None:
        """Hold an answer to a refusal, in the form of RFC 7644 §3.12."""
        assert reply.status in fault.statuses, f"{reply.status} {reply.text}, expected {fault}"
        assert reply.json["status"] == str(reply.status)
        assert reply.json["detail"]
        # RFC 7644 Table 9: only some of 400 and 409 have a scimType.
        assert "scimType" not in reply.json or reply.status in (400, 409)

    def answered(self, at: int, reply: Reply, kept: Kept, status: int = 200) -> None:
        """Hold an answer to the resource it carries."""
        assert reply.status == status, reply.text
        actor = self.actors[at]
        actor.organization.check(actor, kept, reply.json)
        assert reply.headers["etag"] == reply.json["meta"]["version"]
        place = "location" if status == 201 else "content-location"
        assert reply.headers[place] == actor.organization.location(kept)

    # Steps that change something.

    @rule(at=actors, kind=kinds, places=several, data=st.data())
    def create(self, at: int, kind: str, places: list[int], data: st.DataObject) -> None:
        """POST a user or a group (RFC 7644 §3.3)."""
        self._create(at, kind, self._body(at, kind, places, data))

    def _create(self, at: int, kind: str, body: Json) -> None:
        self.tick()
        reply = self.send(at, "POST", f"/{kind}s", body)
        actor = self.actors[at]
        created = reply.status == 201
        new_id = reply.json["id"] if created else NOTHING
        try:
            kept = actor.organization.create(actor, kind, body, new_id)
        except Fault as fault:
            self.refused(reply, fault)
            return
        assert created, reply.text
        assert ID.fullmatch(new_id)
        assert new_id == max(actor.organization.kept), "ids are not in the order of creation"
        self.answered(at, reply, kept, 201)

    def _body(self, at: int, kind: str, places: list[int], data: st.DataObject) -> Json:
        if kind == "User":
            return data.draw(drawing.user_bodies(self.definitions["User"]))
        return data.draw(drawing.group_bodies(self.members(at, places)))

    @rule(at=actors, kind=kinds, place=picks, places=several, if_match=if_matches, data=st.data())
    def replace(
        self, at: int, kind: str, place: int, places: list[int], if_match: str | None, data: st.DataObject
    ) -> None:
        """PUT a user or a group (RFC 7644 §3.5.1), now and then what it is already."""
        resource_id = self.pick(at, kind, place)
        headers = self.if_match(at, kind, resource_id, if_match)
        actor = self.actors[at]
        kept = actor.organization.find(actor, kind, resource_id)
        body = actor.organization.full(actor, kept) if kept and place % 4 == 0 else self._body(at, kind, places, data)
        self.tick()
        reply = self.send(at, "PUT", f"/{kind}s/{resource_id}", body, **headers)
        self._changed(
            at, reply, lambda: actor.organization.replace(actor, kind, resource_id, body, headers.get("If_Match"))
        )

    @rule(at=actors, kind=kinds, place=picks, if_match=if_matches, data=st.data())
    def patch(self, at: int, kind: str, place: int, if_match: str | None, data: st.DataObject) -> None:
        """PATCH a user or a group (RFC 7644 §3.5.2)."""
        resource_id = self.pick(at, kind, place)
        headers = self.if_match(at, kind, resource_id, if_match)
        actor = self.actors[at]
        if kind == "User":
            operations = data.draw(drawing.user_patches(self.definitions["User"], strict=actor.strict))
        else:
            operations = data.draw(drawing.group_patches(self.candidates(at, *KINDS)))
        self.tick()
        reply = self.send(at, "PATCH", f"/{kind}s/{resource_id}", patch_body(*operations), **headers)
        self._changed(
            at, reply, lambda: actor.organization.patch(actor, kind, resource_id, operations, headers.get("If_Match"))
        )

    def _changed(self, at: int, reply: Reply, change: Callable[[], Kept]) -> None:
        try:
            kept = change()
        except Fault as fault:
            self.refused(reply, fault)
            return
        self.answered(at, reply, kept)

    @rule(at=actors, kind=kinds, place=picks, if_match=if_matches)
    def delete(self, at: int, kind: str, place: int, if_match: str | None) -> None:
        """DELETE a user or a group (RFC 7644 §3.6)."""
        resource_id = self.pick(at, kind, place)
        headers = self.if_match(at, kind, resource_id, if_match)
        actor = self.actors[at]
        self.tick()
        reply = self.send(at, "DELETE", f"/{kind}s/{resource_id}", **headers)
        try:
            actor.organization.delete(actor, kind, resource_id, headers.get("If_Match"))
        except Fault as fault:
            self.refused(reply, fault)
            return
        assert (reply.status, reply.text) == (204, "")

    @rule(at=actors, limit=st.sampled_from((None, None, 1, 2)), size=st.integers(1, 5), data=st.data())
    def bulk(self, at: int, limit: int | None, size: int, data: st.DataObject) -> None:
        """POST to /Bulk (RFC 7644 §3.7), with references forwards, backwards, in circles and to nothing."""
        operations = [self._operation(at, number, size, data) for number in range(size)]
        body = {"schemas": [BULK_REQUEST_URN], "Operations": operations}
        self.tick()
        reply = self.send(at, "POST", "/Bulk", body if limit is None else {**body, "failOnErrors": limit})
        assert reply.status == 200, reply.text
        answers = {each["bulkId"]: each for each in reply.json["Operations"]}
        ids = {each["bulkId"]: NOTHING + each["bulkId"] for each in operations if each["method"] == "POST"}
        for name in ids.keys() & answers.keys():
            if "location" in answers[name]:
                ids[name] = answers[name]["location"].rpartition("/")[2]
        results = Bulk(self.actors[at], operations, limit, ids).run()
        assert [each["bulkId"] for each in reply.json["Operations"]] == [f"b{each}" for each in sorted(results)]
        for number, result in results.items():
            self._check_result(at, operations[number], result, answers[f"b{number}"])

    def _operation(self, at: int, number: int, size: int, data: st.DataObject) -> Json:
        kind, method = data.draw(kinds), data.draw(st.sampled_from(("POST", "POST", "POST", "PUT", "PATCH", "DELETE")))
        candidates = [f"bulkId:b{other}" for other in range(size)] * 2 + self.candidates(at, *KINDS)
        chosen = data.draw(st.lists(st.sampled_from(candidates), max_size=3, unique=True))
        members = [{"value": each} for each in chosen]
        operation: Json = {"method": method, "bulkId": f"b{number}", "path": f"/{kind}s"}
        if method != "POST":
            places = self.candidates(at, kind) + [f"bulkId:b{other}" for other in range(number)]
            operation["path"] += "/" + places[data.draw(picks) % len(places)]
        if method in ("POST", "PUT"):
            operation["data"] = self._bulk_body(kind, members, data)
        elif method == "PATCH":
            operations = [{"op": "add", "path": "members", "value": members}] if kind == "Group" else []
            operation["data"] = patch_body(*operations, {"op": "replace", "path": "externalId", "value": "by bulk"})
        return operation

    def _bulk_body(self, kind: str, members: list[Json], data: st.DataObject) -> Json:
        if kind == "Group":
            return data.draw(drawing.group_bodies(members))
        body = data.draw(drawing.user_bodies(self.definitions["User"]))
        managers = [each for each in members if each["value"].startswith("bulkId:")]
        if managers:
            body[ENTERPRISE_URN] = {"manager": managers[0]}
        return body

    def _check_result(self, at: int, operation: Json, result: Result, answer: Json) -> None:
        status = int(answer["status"])
        assert status in result.statuses, f"{answer}, expected {sorted(result.statuses)}"
        assert answer["method"] == operation["method"]
        if status >= 400:
            assert answer["response"]["status"] == answer["status"]
        elif result.kept is not None:
            actor = self.actors[at]
            assert answer["location"] == actor.organization.location(result.kept)
            # A later operation may have changed it again, or deleted it.
            assert re.fullmatch(r'W/"\d+"', answer["version"])

    # Steps that only look.

    @rule(at=actors, kind=kinds, place=picks, same=st.booleans())
    def read(self, at: int, kind: str, place: int, same: bool) -> None:
        """GET a resource, with the version that is known or with another (RFC 7644 §3.14)."""
        resource_id, actor = self.pick(at, kind, place), self.actors[at]
        kept = actor.organization.find(actor, kind, resource_id)
        reply = self.send(at, "GET", f"/{kind}s/{resource_id}")
        if kept is None:
            self.refused(reply, Fault(404))
            return
        self.answered(at, reply, kept)
        tag = reply.headers["etag"] if same else 'W/"0"'
        again = self.send(at, "GET", f"/{kind}s/{resource_id}", If_None_Match=f'"other", {tag}')
        assert again.status == (304 if same else 200)
        assert again.headers["etag"] == reply.headers["etag"]
        assert (again.text == "") == same

    @rule(at=actors, kind=kinds, place=picks, projection=drawing.projections())
    def read_part(self, at: int, kind: str, place: int, projection: tuple[str, list[str]]) -> None:
        """GET a part of a resource (RFC 7644 §3.9)."""
        resource_id, actor = self.pick(at, kind, place), self.actors[at]
        kept = actor.organization.find(actor, kind, resource_id)
        parameter, named = projection
        reply = self.send(at, "GET", f"/{kind}s/{resource_id}?{parameter}={quote(','.join(named))}")
        if kept is None:
            self.refused(reply, Fault(404))
            return
        assert reply.status == 200, reply.text
        found, expected = reply.json, actor.organization.part(actor, kept, parameter, named)
        found.get("meta", {}).pop("version", None)
        assert unordered(found) == unordered(expected)

    @rule(
        at=actors,
        kind=st.sampled_from(("User", "User", "Group", None)),
        by=st.sampled_from(("GET", "POST")),
        count=st.sampled_from((1, 2, 3, 100)),
        place=picks,
        data=st.data(),
    )
    def search(self, at: int, kind: str | None, by: str, count: int, place: int, data: st.DataObject) -> None:
        """Search (RFC 7644 §3.4.2, §3.4.3): walk all pages, by index, or by cursor and back (RFC 9865)."""
        actor = self.actors[at]
        templates = st.sampled_from(drawing.GROUP_FILTERS if kind == "Group" else drawing.USER_FILTERS)
        template = data.draw(st.none() | templates)
        if kind is None and template is not None:
            template = data.draw(st.sampled_from(drawing.FILTERS_OF_ALL))
        name, identifier = drawing.NAMES[place % len(drawing.NAMES)], self.pick(at, kind or "User", place)
        moments = [each.modified for each in actor.organization.kept.values() if each.modified]
        moment = moments[place % len(moments)] if moments else self.now
        text = template and template.format(name=name, id=identifier, moment=moment)
        sorts = drawing.GROUP_SORTS if kind != "User" else drawing.USER_SORTS
        sort_by = data.draw(st.none() | st.sampled_from(sorts))
        descending = data.draw(st.booleans())
        parameters: Json = {"count": count, **({"filter": text} if text else {})}
        if sort_by is not None:
            parameters |= {"sortBy": sort_by, "sortOrder": "descending" if descending else "ascending"}
        chosen = [kind] if kind else list(KINDS)
        found = actor.organization.search(actor, chosen, text, sort_by, descending=descending)
        path = f"/{kind}s" if kind else ""
        pages = self._by_index if data.draw(st.booleans()) else self._by_cursor
        walked = pages(at, by, path, parameters, len(found))
        assert [each["id"] for each in walked] == [each.id for each in found], parameters
        for each, kept in zip(walked, found, strict=True):
            actor.organization.check(actor, kept, each)

    def _page(self, at: int, by: str, path: str, parameters: Json, total: int) -> Json:
        if by == "POST":
            reply = self.send(at, "POST", f"{path}/.search", {"schemas": [SEARCH_REQUEST_URN], **parameters})
        else:
            query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
            reply = self.send(at, "GET", f"{path}?{query}")
        assert reply.status == 200, reply.text
        page: Json = reply.json
        assert page["totalResults"] == total
        assert page["itemsPerPage"] == len(page["Resources"]) <= parameters["count"]
        return page

    def _by_index(self, at: int, by: str, path: str, parameters: Json, total: int) -> list[Json]:
        walked: list[Json] = []
        while True:
            page = self._page(at, by, path, {**parameters, "startIndex": len(walked) + 1}, total)
            assert page["startIndex"] == len(walked) + 1
            walked += page["Resources"]
            if len(walked) >= total or not page["Resources"]:
                return walked

    def _by_cursor(self, at: int, by: str, path: str, parameters: Json, total: int) -> list[Json]:
        pages = [self._page(at, by, path, {**parameters, "cursor": ""}, total)]
        assert "previousCursor" not in pages[0]
        while "nextCursor" in pages[-1]:
            pages.append(self._page(at, by, path, {**parameters, "cursor": pages[-1]["nextCursor"]}, total))
        for before, after in zip(pages[-2::-1], pages[:0:-1], strict=True):
            back = self._page(at, by, path, {**parameters, "cursor": after["previousCursor"]}, total)
            assert back["Resources"] == before["Resources"]
        return [each for page in pages for each in page["Resources"]]

    @rule(at=actors, text=st.sampled_from(drawing.BAD_FILTERS), by=st.sampled_from(("GET", "POST")))
    def search_badly(self, at: int, text: str, by: str) -> None:
        """A filter that means nothing is refused, never answered with everything."""
        body = {"schemas": [SEARCH_REQUEST_URN], "filter": text} if by == "POST" else None
        path = "/Users/.search" if by == "POST" else f"/Users?filter={quote(text)}"
        reply = self.send(at, by, path, body)
        assert (reply.status, reply.json["scimType"]) == (400, "invalidFilter")

    # What holds after every step.

    @invariant()
    def every_connection_sees_what_it_should(self) -> None:
        """All that is listed is what the reference has, and both sides of a membership agree."""
        for at, actor in enumerate(self.actors):
            listed: dict[str, list[Json]] = {}
            for kind in KINDS:
                kept = actor.organization.seen(actor, kind)
                listed[kind] = self._page(at, "GET", f"/{kind}s", {"count": 1_000}, len(kept))["Resources"]
                assert [each["id"] for each in listed[kind]] == [each.id for each in kept]
                for each, one in zip(listed[kind], kept, strict=True):
                    actor.organization.check(actor, one, each)
            check_memberships(listed["User"], listed["Group"])


def check_memberships(users: Sequence[Json], groups: Sequence[Json]) -> None:
    """Hold what users say of their groups to what the groups say of their members, as answered."""
    below = {group["id"]: {member["value"] for member in group.get("members", ())} for group in groups}
    for user in users:
        direct = {group for group, members in below.items() if user["id"] in members}
        found = set(direct)
        while further := {group for group, members in below.items() if members & found} - found:
            found |= further
        said = {group["value"]: group["type"] for group in user.get("groups", ())}
        assert said == {group: "direct" if group in direct else "indirect" for group in found}
