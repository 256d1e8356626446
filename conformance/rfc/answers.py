"""An answer as a check looks at it: each expectation that does not hold ends the check."""

from dataclasses import dataclass
from typing import Any, NoReturn, Self, TypeAlias

import orjson

from conformance.matchers import same
from conformance.transcript import Exchange

Body: TypeAlias = dict[str, Any]

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class CheckFailed(Exception):
    """The server does not keep the rule; `exchange` is the one that shows it."""

    def __init__(self, message: str, exchange: Exchange | None = None) -> None:
        """Keep what was wrong, and where."""
        super().__init__(message)
        self.exchange = exchange


class NotApplicable(Exception):
    """The server does not offer what the rule is about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body, and the exchange they came in."""

    exchange: Exchange
    status: int

    def fail(self, message: str) -> NoReturn:
        """End the check: this answer breaks the rule."""
        raise CheckFailed(message, self.exchange)

    def holds(self, ok: bool, message: str) -> Self:
        """Go on when `ok`, else end the check with the message."""
        if not ok:
            self.fail(message)
        return self

    def expect(self, *statuses: int) -> Self:
        """Go on when the status is one of these."""
        wanted = " or ".join(map(str, statuses))
        return self.holds(self.status in statuses, f"status {wanted} expected, got {self.status}")

    def succeeds(self) -> Self:
        """Go on when the status is 200, 201 or 204."""
        return self.expect(200, 201, 204)

    def refused(self) -> Self:
        """Go on when the status is some 4xx."""
        return self.holds(400 <= self.status < 500, f"a 4xx status expected, got {self.status}")

    def error(self, status: int, *scim_types: str, named: bool = True) -> Self:
        """Go on for a SCIM error of this status and one of these types; unless `named`, the type may be missing."""
        self.expect(status)
        got = self.get("scimType")
        wanted = " or ".join(scim_types)
        if scim_types and (named or got is not None):
            self.holds(got in scim_types, f"scimType {wanted} expected, got {got}")
        return self

    @property
    def text(self) -> str:
        """The body as text."""
        return self.exchange.received.text if self.exchange.received else ""

    @property
    def body(self) -> Body:
        """The body, which has to be a JSON object."""
        try:
            document = orjson.loads(self.exchange.received.body if self.exchange.received else b"")
        except orjson.JSONDecodeError as error:
            self.fail(f"the body is no JSON: {error}")
        if not isinstance(document, dict):
            self.fail("the body is no JSON object")
        return document

    def header(self, name: str) -> str | None:
        """A header by its name in any case."""
        return self.exchange.received.header(name) if self.exchange.received else None

    def get(self, *path: str) -> Any:
        """The value at a path, None when absent."""
        return pick(self.body, *path)

    def equal(self, expected: Any, *path: str) -> Self:
        """Go on when the value at a path is this one, type included."""
        got = self.get(*path)
        return self.holds(same(got, expected), f"{'.'.join(path)} is {shown(got)}, not {shown(expected)}")

    def has(self, expected: Body) -> Self:
        """Go on when the body contains all that is expected; more is fine."""
        missing = missing_from(self.body, expected)
        return self.holds(missing is None, f"not in the answer as sent: {missing}")

    def without(self, *path: str) -> Self:
        """Go on when there is no value at a path: absent, null or an empty array."""
        got = self.get(*path)
        return self.holds(got is None or got == [], f"{'.'.join(path)} is there: {shown(got)}")

    @property
    def id(self) -> str:
        """The id of the resource in the body."""
        id = self.get("id")
        if not isinstance(id, str) or not id:
            self.fail("the resource has no id")
        return id

    @property
    def resources(self) -> list[Body]:
        """The resources of a list response."""
        listed = self.get("Resources") or []
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            self.fail("Resources is no array of objects")
        return listed

    @property
    def ids(self) -> list[str]:
        """The ids of the resources of a list response."""
        return [str(pick(one, "id")) for one in self.resources]

    @property
    def total(self) -> int:
        """The totalResults of a list response."""
        total = self.get("totalResults")
        if type(total) is not int:
            self.fail(f"totalResults is {shown(total)}, not an integer")
        return total


def pick(body: Any, *path: str) -> Any:
    """The value at a path, None when absent; names are compared without case (RFC 7643 §2.1).

    Each part but a URN is split at its points: `pick(user, ENTERPRISE, "manager.value")`.
    """
    value = body
    for part in path:
        for name in [part] if part.startswith("urn:") else part.split("."):
            if not isinstance(value, dict):
                return None
            value = next((below for key, below in value.items() if key.lower() == name.lower()), None)
    return value


def shown(value: Any) -> str:
    """A value as JSON, shortened."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}..."


def missing_from(got: Any, expected: Any, place: str = "") -> str | None:
    """Say what of `expected` is not in `got`, if anything; an expected element may stand anywhere in an array."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            missing = missing_from(pick(got, key) if isinstance(got, dict) else None, value, f"{place}.{key}")
            if missing:
                return missing
        return None
    if isinstance(expected, list):
        elements = got if isinstance(got, list) else []
        for value in expected:
            if all(missing_from(element, value) for element in elements):
                return f"{place.lstrip('.')} has no {shown(value)}"
        return None
    return None if same(got, expected) else f"{place.lstrip('.')} {shown(expected)}, but {shown(got)}"
