"""A SCIM server of other people, spoken to without a socket, and the ways in which it is made worse."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson
from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug.test import Client

from conformance.exchange import Received, Sent
from conformance.rfc.capabilities import Target, Transport

TOKEN = "sesame-4711-open"
BASE = "http://scim.example/v2"

Send = Callable[[Sent], Received]
Fault = Callable[[Sent, Send], Received]


@cache
def provider() -> ScimProvider:
    """The schemas of RFC 7643 with everything announced."""
    config = load_default_service_provider_config()
    config.authentication_schemes = [BEARER_TOKEN_SCHEME]
    return ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )


def application() -> BearerTokenApplication:
    """An empty scim2-server that takes one token."""
    service = ScimService(provider(), secret=secrets.token_urlsafe(32))
    return BearerTokenApplication(InMemoryStorage(), provider(), service=service, bearer_tokens=[TOKEN])


class InProcess:
    """Calls a WSGI application."""

    def __init__(self, app: Any) -> None:
        """Keep the application."""
        self._app = app

    def send(self, sent: Sent) -> Received:
        """Exchange one request for one answer."""
        parts = urlsplit(sent.url)
        answer = Client(self._app).open(
            path=parts.path,
            query_string=parts.query,
            base_url=f"{parts.scheme}://{parts.netloc}",
            method=sent.method,
            headers=list(sent.headers),
            data=sent.body,
        )
        return Received(answer.status_code, "", tuple(answer.headers), answer.data, 0.0)


@dataclass(frozen=True)
class Faulty:
    """A transport whose server has a fault."""

    inner: Transport
    fault: Fault

    def send(self, sent: Sent) -> Received:
        """Exchange one request for a worse answer."""
        return self.fault(sent, self.inner.send)


def target(*faults: Fault) -> Target:
    """A new server with these faults, the last one nearest to the client."""
    transport: Transport = InProcess(application())
    for fault in faults:
        transport = Faulty(transport, fault)
    return Target(BASE, TOKEN, lambda: transport)


def with_body(received: Received, change: Callable[[Any], Any]) -> Received:
    """An answer with another JSON body; one that has none stays."""
    if not received.body:
        return received
    return with_bytes(received, orjson.dumps(change(orjson.loads(received.body))))


def with_bytes(received: Received, body: bytes) -> Received:
    """An answer with other bytes."""
    headers = tuple((name, value) for name, value in received.headers if name.lower() != "content-length")
    return Received(received.status, received.reason, headers, body, received.milliseconds)


def with_status(received: Received, status: int) -> Received:
    """An answer with another status."""
    return Received(status, "", received.headers, received.body, received.milliseconds)


def without_header(received: Received, name: str) -> Received:
    """An answer without a header."""
    headers = tuple(pair for pair in received.headers if pair[0].lower() != name.lower())
    return Received(received.status, received.reason, headers, received.body, received.milliseconds)


def with_query(sent: Sent, change: Callable[[dict[str, str]], dict[str, str]]) -> Sent:
    """A request with other query parameters."""
    parts = urlsplit(sent.url)
    query = change(dict(parse_qsl(parts.query, keep_blank_values=True)))
    url = parts._replace(query=urlencode(query, quote_via=quote)).geturl()
    return Sent(sent.method, url, sent.headers, sent.body)


def with_headers(sent: Sent, **changed: str | None) -> Sent:
    """A request with other headers; None takes one out."""
    replaced = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    headers = [pair for pair in sent.headers if pair[0].lower() not in replaced]
    headers += [(name, value) for name, value in replaced.items() if value is not None]
    return Sent(sent.method, sent.url, tuple(headers), sent.body)


def each_resource(document: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    """Change a resource, or each one of a list response."""
    if isinstance(document, dict):
        for one in document.get("Resources", [document]):
            change(one)
    return document
