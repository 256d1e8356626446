"""What a server says it can do: its ServiceProviderConfig, ResourceTypes and Schemas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from conformance.exchange import ExchangeError, Received, Sent
from conformance.rfc.answers import Body, pick

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
NOT_OFFERED = (404, 405, 501)
OPTIONAL = ("patch", "bulk", "filter", "changePassword", "sort", "etag")


class Transport(Protocol):
    """Anything that exchanges a request for an answer."""

    def send(self, sent: Sent) -> Received:
        """Exchange one request for one answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test; `base` has no trailing slash, `open` makes a transport for one thread."""

    base: str
    token: str
    open: Callable[[], Transport]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What was discovered; where a server describes nothing, the schemas of RFC 7643 are assumed."""

    config: Body
    resource_types: tuple[Body, ...]
    schemas: dict[str, Body]
    features: frozenset[str]

    def endpoint(self, schema: str, default: str) -> str:
        """The endpoint of the resource type with this schema."""
        for one in self.resource_types:
            if str(pick(one, "schema")).lower() == schema.lower():
                return "/" + str(pick(one, "endpoint")).rstrip("/").rpartition("/")[2]
        return default

    def attribute(self, schema: str, path: str) -> Body | None:
        """The definition of an attribute or sub-attribute, None when the schema has none of that name."""
        level = pick(self.schemas.get(schema.lower(), {}), "attributes")
        found: Body | None = None
        for name in path.split("."):
            elements = level if isinstance(level, list) else []
            found = next((one for one in elements if str(pick(one, "name")).lower() == name.lower()), None)
            level = pick(found, "subAttributes")
        return found

    def declares(self, use: str) -> bool:
        """Whether an attribute such as `name.familyName` or `enterprise:department` may be used."""
        schema, name = (ENTERPRISE, use.partition(":")[2]) if use.startswith("enterprise:") else (USER, use)
        if schema.lower() not in self.schemas:
            return schema == USER or "enterprise" in self.features
        return self.attribute(schema, name) is not None


def discover(target: Target) -> Capabilities:
    """Ask a server what it offers.

    :raises ExchangeError: When it cannot be reached or refuses the token.
    """
    transport = target.open()
    config = _read(transport, target, "/ServiceProviderConfig")
    if config is None:
        config = {}
    types = _listed(_read(transport, target, "/ResourceTypes"))
    schemas = {str(pick(one, "id")).lower(): one for one in _listed(_read(transport, target, "/Schemas"))}
    features = {name for name in OPTIONAL if pick(config, name, "supported") is True}
    if pick(config, "pagination.cursor") is True:
        features.add("cursor")
    served = {str(pick(one, "schema")).lower() for one in types}
    if GROUP.lower() in served or (not types and _offers(transport, target, "GET", "/Groups", None)):
        features.add("groups")
    if ENTERPRISE.lower() in schemas:
        features.add("enterprise")
    search = orjson.dumps({"schemas": [SEARCH_REQUEST], "count": 1})
    if _offers(transport, target, "POST", "/Users/.search", search):
        features.add("search")
    return Capabilities(config, tuple(types), schemas, frozenset(features))


def _request(target: Target, method: str, path: str, body: bytes | None) -> Sent:
    headers = [("Authorization", f"Bearer {target.token}"), ("Accept", "application/scim+json")]
    if body is not None:
        headers.append(("Content-Type", "application/scim+json"))
    return Sent(method, target.base + path, tuple(headers), body)


def _read(transport: Transport, target: Target, path: str) -> Body | None:
    received = transport.send(_request(target, "GET", path, None))
    if received.status == 401:
        raise ExchangeError(f"the token is refused: 401 to GET {path}")
    try:
        document = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) and received.status == 200 else None


def _listed(document: Any) -> list[Body]:
    resources = pick(document, "Resources")
    return [one for one in resources if isinstance(one, dict)] if isinstance(resources, list) else []


def _offers(transport: Transport, target: Target, method: str, path: str, body: bytes | None) -> bool:
    return transport.send(_request(target, method, path, body)).status not in NOT_OFFERED
