"""The worker: does what is due, one thing at a time, at least once each.

Any number of workers run beside each other: each leases what it does. What fails is tried again, later each time, and
is given up in the end, with its reason; what a worker dies over is another's once the lease ends.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from scim_server.delivery.mail import DeliveryError, Mailer
from scim_server.protocol.errors import UnavailableException
from scim_server.store.deliveries import Delivery, LeaseLostError, is_due, lease, put_off
from scim_server.store.session import Actor, Credentials, Store, Tenant, begin_platform, transact
from scim_server.store.tokens import DigestKey

T = TypeVar("T")

LEASE = timedelta(minutes=5)
"""How long a worker has something for itself: longer than a mail server takes to time out."""

RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1_440))
"""How long after each attempt that failed the next one is made; after the last of them it is given up."""

POLL_S = 1.0
"""How often a worker looks for what is due."""

ACTOR = Actor("worker", "worker")
"""Who the trail says did it."""

log = structlog.get_logger("scim_server")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker has at hand; without ``mailer`` no e-mail is sent, without ``base_url`` no link is made."""

    store: Store
    key: DigestKey
    mailer: Mailer | None = None
    mail_from: str = ""
    base_url: str | None = None

    def transact(self, delivery: Delivery, action: Callable[[Tenant], T]) -> T:
        """Run an action in the organization that a delivery is for, in a transaction."""
        return transact(self.store, Credentials(delivery.org_id, ACTOR), action)


@dataclass(frozen=True, slots=True)
class Handler:
    """What is done for a kind of delivery, its removal included, and what else is written when it is given up."""

    do: Callable[[Desk, Delivery], None]
    give_up: Callable[[Tenant, Delivery, str], None] = field(default=lambda _tenant, _delivery, _reason: None)


Handlers = Mapping[str, Handler]


def work(desk: Desk, handlers: Handlers, stopped: threading.Event) -> int:
    """Do what is due until there is nothing more, or the worker is stopped; return how much it was.

    :raises UnavailableException: When the database does not answer.
    """
    done = 0
    while not stopped.is_set():
        delivery = _take(desk, handlers)
        if delivery is None:
            break
        _do(desk, handlers[delivery.kind], delivery)
        done += 1
    return done


def run(desk: Desk, handlers: Handlers, stopped: threading.Event) -> None:
    """Work until the worker is stopped, through times when the database does not answer."""
    while not stopped.is_set():
        try:
            work(desk, handlers, stopped)
        except UnavailableException as exc:
            log.warning("database unavailable", error=str(exc.__cause__)[:300])
        stopped.wait(POLL_S)


def _take(desk: Desk, handlers: Handlers) -> Delivery | None:
    # Kinds that a newer version of the server has written are left to its workers.
    with begin_platform(desk.store, write=False) as platform:
        if not is_due(platform, handlers):  # On SQLite, a lease takes the lock of all writers.
            return None
        return lease(platform, handlers, platform.now + LEASE)


def _do(desk: Desk, handler: Handler, delivery: Delivery) -> None:
    """Do one thing; what is not done stays, with its reason."""
    try:
        handler.do(desk, delivery)
        return
    except (LeaseLostError, UnavailableException):
        _log("was left", delivery)  # For whoever has it now, or until its lease ends.
        return
    except DeliveryError as exc:
        reason, final = str(exc), exc.final
    except Exception as exc:
        log.error("bug", kind=delivery.kind, delivery=delivery.id, exc_info=exc)
        reason, final = "the worker failed; its log has the cause", False
    _fail(desk, handler, delivery, reason, final=final)


def _fail(desk: Desk, handler: Handler, delivery: Delivery, reason: str, *, final: bool) -> None:
    given_up = final or delivery.attempts > len(RETRIES)

    def action(tenant: Tenant) -> None:
        next_at = None if given_up else tenant.now + RETRIES[delivery.attempts - 1]
        put_off(tenant, delivery, next_at, reason)
        if given_up:
            handler.give_up(tenant, delivery, reason)

    try:
        desk.transact(delivery, action)
    except (LeaseLostError, UnavailableException):
        _log("was left", delivery)
    else:
        _log("was given up" if given_up else "failed", delivery)


def _log(outcome: str, delivery: Delivery) -> None:
    # NB: not the reason, which may name a person.
    names = {"kind": delivery.kind, "delivery": delivery.id, "organization": delivery.org_id}
    log.warning(f"a delivery {outcome}", **names, attempts=delivery.attempts)
