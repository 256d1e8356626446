"""Cursor pagination (RFC 9865) in front of a server that has none, right or with chosen faults."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from conformance.exchange import Received, Sent
from tests.conformance.peers import Send, with_body, with_query

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Issued:
    """What a cursor stands for: a query, its count, all ids it found, and how many of them came before."""

    query: str
    count: int
    ids: list[str]
    offset: int


@dataclass
class Cursors:
    """Answers requests that have a cursor; every fault is a rule that is not kept."""

    faults: frozenset[str] = frozenset()
    issued: dict[str, Issued] = field(default_factory=dict)

    def __call__(self, sent: Sent, send: Send) -> Received:
        """Answer a page, the announcement, or what the server behind answers."""
        if sent.url.endswith("/ServiceProviderConfig"):
            pagination = {"cursor": True, **({} if "config" in self.faults else {"index": True})}
            return with_body(send(sent), lambda document: {**document, "pagination": pagination})
        posted = sent.url.endswith("/.search")
        parameters = _parameters(sent, posted)
        if "cursor" not in parameters or (posted and "search" in self.faults):
            return send(sent)
        cursor, count = str(parameters.pop("cursor")), int(parameters.pop("count", 100))
        query = f"{urlsplit(sent.url).path}{sorted(parameters.items())}"
        received = send(_unpaged(sent, posted, parameters))
        if received.status != 200:
            return received
        found = {one["id"]: one for one in orjson.loads(received.body)["Resources"]}
        place = self._place(cursor, query, count, list(found))
        if isinstance(place, str):
            error = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "scimType": place}
            return Received(400, "", received.headers, orjson.dumps(error), 0.0)
        page = self._page(place, found, max(count, 0 if "count-zero" not in self.faults else 1))
        return with_body(received, lambda document: {**document, **page})

    def _place(self, cursor: str, query: str, count: int, ids: list[str]) -> Issued | str:
        place = self.issued.get(cursor)
        if not cursor or (place is None and "forged" in self.faults):
            return Issued(query, count, ids, 0)
        if place is None or (place.query != query and "other-query" not in self.faults):
            return "invalidCursor"
        if place.count != count and "other-count" not in self.faults:
            return "invalidCount"
        if "once" in self.faults:
            del self.issued[cursor]
        return Issued(query, count, ids, place.offset) if "unstable" in self.faults else place

    def _page(self, place: Issued, found: dict[str, Any], count: int) -> dict[str, Any]:
        page = [found[id] for id in place.ids[place.offset : place.offset + count] if id in found]
        if "unsorted" in self.faults:
            page = page[::-1]
        end = place.offset + count
        body: dict[str, Any] = {"Resources": page, "itemsPerPage": len(page), "totalResults": len(found)}
        if "total" in self.faults:
            body["totalResults"] = len(page)
        if count and (end < len(place.ids) or "last" in self.faults):
            body["nextCursor"] = self._issue(Issued(place.query, place.count, place.ids, end))
        if place.offset or "first" in self.faults:
            back = place.offset if "previous" in self.faults else max(place.offset - count, 0)
            body["previousCursor"] = self._issue(Issued(place.query, place.count, place.ids, back))
        return body

    def _issue(self, place: Issued) -> str:
        cursor = secrets.token_urlsafe(12) + ("+/=" if "characters" in self.faults else "")
        self.issued[cursor] = place
        return cursor


def _parameters(sent: Sent, posted: bool) -> Parameters:
    if not posted:
        return dict(parse_qsl(urlsplit(sent.url).query, keep_blank_values=True))
    try:
        return dict(orjson.loads(sent.body or b""))
    except orjson.JSONDecodeError:
        return {}


def _unpaged(sent: Sent, posted: bool, parameters: Parameters) -> Sent:
    if posted:
        return Sent(sent.method, sent.url, sent.headers, orjson.dumps(parameters))
    return with_query(sent, lambda _: {name: str(value) for name, value in parameters.items()})
