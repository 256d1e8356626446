"""Who goes on sending too much is refused before Flask sees the request: a refusal costs less than an answer."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

from scim_server.protocol.errors import TooManyRequestsException
from scim_server.store.health import RequestCounts
from scim_server.store.session import Actor, Credentials
from scim_server.web.limits import Limits
from scim_server.web.requests import StartResponse, log_request, request_id, too_many_requests

_Sender = tuple[str | None, str | None]
"""The headers that a refusal depends on: Authorization, and Host, without which there is none."""


def limited_key(actor: Actor) -> str:
    """Return what the requests of an actor are counted under: all tokens of a connection count together."""
    return actor.connection.id if actor.connection else actor.id


class RecentlyRefused:
    """Who a process has refused within the last second."""

    KEPT_S = 1.0
    MAX_SENDERS = 1_000

    def __init__(self) -> None:
        self._senders: dict[_Sender, tuple[float, Credentials]] = {}

    def add(self, environ: dict[str, Any], credentials: Credentials) -> None:
        """Remember who was refused, by the headers sent."""
        if len(self._senders) >= self.MAX_SENDERS:
            self._senders.clear()
        self._senders[_sender(environ)] = (time.monotonic() + self.KEPT_S, credentials)

    def find(self, environ: dict[str, Any]) -> Credentials | None:
        """Return who has sent a request, where it was refused of late."""
        found = self._senders.get(_sender(environ))
        if found is None:
            return None
        if found[0] < time.monotonic():
            self._senders.pop(_sender(environ), None)
            return None
        return found[1]


def _sender(environ: dict[str, Any]) -> _Sender:
    return environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_HOST")


class EarlyRefusals:
    """WSGI middleware: refuses what Flask would refuse once more, in a quarter of the time.

    Who sends ten times as much as it may takes the processor from its neighbours with refusals alone. Whatever is not
    certain goes on to Flask: the first request that is one too many, and any that the limit lets through.
    NB: a token that was revoked meanwhile is told so after a second; until then it is refused for another reason.
    """

    def __init__(
        self,
        app: Callable[[dict[str, Any], StartResponse], Iterable[bytes]],
        limits: Limits,
        counts: RequestCounts,
        refused: RecentlyRefused,
    ) -> None:
        self.app = app
        self._limits, self._counts, self._refused = limits, counts, refused

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        sender = self._refused.find(environ)
        if sender is not None and environ.get("PATH_INFO", "").startswith("/scim"):
            started = time.perf_counter()
            error = self._limits.refusal(limited_key(sender.actor))
            if error is not None:
                return self._refuse(environ, started, sender, error)(environ, start_response)
        return self.app(environ, start_response)

    def _refuse(
        self, environ: dict[str, Any], started: float, sender: Credentials, error: TooManyRequestsException
    ) -> Response:
        response = too_many_requests(error)
        response.headers["X-Request-ID"] = answered = request_id(environ)
        connection = sender.actor.connection
        if connection is not None:
            self._counts.count(sender.org_id, connection.id, time.time(), error.status, error.detail)
        # What was not routed has no route.
        log_request(answered, environ["REQUEST_METHOD"], None, error.status, started, sender)
        return response
