"""The worker does each thing that is due once, tries again what fails, and gives up in the end with the reason."""

import threading
from datetime import timedelta

import pytest
from flask import Flask

from scim_server.actions.organizations import resume_organization, suspend_organization
from scim_server.delivery.mail import DeliveryError
from scim_server.delivery.worker import LEASE, RETRIES, Desk, Handler, run, work
from scim_server.store.deliveries import Delivery, LeaseLostError, cancel, finish, lease, list_deliveries, schedule
from scim_server.store.session import Tenant, begin, begin_platform
from tests.delivery.conftest import Clock
from tests.directory import Organization, new_organization, site_of


@pytest.fixture
def organization(app: Flask, desk: Desk) -> Organization:
    """An organization for which nothing is due."""
    return new_organization(site_of(app).store)


def ask(organization: Organization, subject: str = "ada", kind: str = "letter", **options: object) -> None:
    """Have something done."""
    with begin(organization.store, organization.operator, write=True) as tenant:
        schedule(tenant, kind, subject, **options)  # type: ignore[arg-type]


def left(organization: Organization) -> list[Delivery]:
    """Return what is not done yet."""
    with begin(organization.store, organization.operator, write=False) as tenant:
        return list_deliveries(tenant)


class Doing:
    """A handler that notes what it did, and fails with what a test has prepared."""

    def __init__(self, *failures: Exception) -> None:
        self.done: list[str] = []
        self.given_up: list[str] = []
        self.failures = list(failures)
        self.handlers = {"letter": Handler(self.do, self.give_up)}

    def do(self, desk: Desk, delivery: Delivery) -> None:
        """Do it, or fail."""
        if self.failures:
            raise self.failures.pop(0)
        desk.transact(delivery, lambda tenant: finish(tenant, delivery))
        self.done.append(delivery.subject)

    def give_up(self, _tenant: Tenant, delivery: Delivery, reason: str) -> None:
        """Note why."""
        self.given_up.append(f"{delivery.subject}: {reason}")

    def work(self, desk: Desk) -> list[str]:
        """Do what is due, and return all that was done."""
        work(desk, self.handlers, threading.Event())
        return self.done


def test_what_is_due_is_done_once(desk: Desk, organization: Organization) -> None:
    """What is not due yet waits for its moment, as does what this worker knows nothing of."""
    doing = Doing()
    ask(organization, "now")
    ask(organization, "later", due_at=desk.store.clock() + timedelta(minutes=2))
    ask(organization, "of the future", kind="hologram")
    assert doing.work(desk) == ["now"]
    assert doing.work(desk) == ["now"]
    assert [each.subject for each in left(organization)] == ["later", "of the future"]


def test_what_is_due_later_is_done_then(desk: Desk, organization: Organization, clock: Clock) -> None:
    """And what was called off is not done."""
    doing = Doing()
    for subject in ("ada", "grace"):
        ask(organization, subject, due_at=desk.store.clock() + timedelta(minutes=2))
    with begin(organization.store, organization.operator, write=True) as tenant:
        cancel(tenant, "letter", "grace")
    clock.later = timedelta(minutes=3)
    assert doing.work(desk) == ["ada"]


def test_what_is_asked_again_takes_the_place_of_what_was(desk: Desk, organization: Organization) -> None:
    """It is done once; what is about something else is done beside it."""
    doing = Doing()
    for about in ("", "", "an order"):
        ask(organization, "ada", about=about)
    assert doing.work(desk) == ["ada", "ada"]


def test_what_fails_is_tried_again_later_each_time(desk: Desk, organization: Organization, clock: Clock) -> None:
    """The reason is kept meanwhile, and goes with the success."""
    doing = Doing(DeliveryError("no server"), DeliveryError("still none"))
    ask(organization)
    for reason, wait in (("no server", RETRIES[0]), ("still none", RETRIES[1])):
        assert doing.work(desk) == []
        (waiting,) = left(organization)
        assert waiting.failure == reason
        assert waiting.next_at is not None
        clock.later += wait - timedelta(seconds=5)
        assert doing.work(desk) == []
        clock.later += timedelta(seconds=10)
    assert doing.work(desk) == ["ada"]
    assert (left(organization), doing.given_up) == ([], [])


def test_what_keeps_failing_is_given_up_with_its_reason(desk: Desk, organization: Organization, clock: Clock) -> None:
    """After the last of the retries nobody looks at it again."""
    doing = Doing(*(DeliveryError("no server") for _ in range(20)))
    ask(organization)
    for wait in (*RETRIES, timedelta(days=30)):
        doing.work(desk)
        clock.later += wait + timedelta(seconds=1)
    assert doing.given_up == ["ada: no server"]
    (given_up,) = left(organization)
    assert (given_up.next_at, given_up.failure, given_up.attempts) == (None, "no server", len(RETRIES) + 1)
    doing.work(desk)
    assert len(doing.failures) == 20 - given_up.attempts


def test_what_no_repetition_mends_is_given_up_at_once(desk: Desk, organization: Organization) -> None:
    """Asked for again, it is done."""
    doing = Doing(DeliveryError("no such address", final=True))
    ask(organization)
    assert doing.work(desk) == []
    assert doing.given_up == ["ada: no such address"]
    ask(organization)
    assert doing.work(desk) == ["ada"]


def test_a_bug_stops_nothing_else(desk: Desk, organization: Organization) -> None:
    """What it was about is tried again; the reason tells nothing of the error."""
    doing = Doing(ValueError("somebody@example.com"))
    for subject in ("ada", "grace"):
        ask(organization, subject)
    assert doing.work(desk) == ["grace"]
    assert [each.failure for each in left(organization)] == ["the worker failed; its log has the cause"]


def test_what_a_worker_dies_over_is_done_by_another(desk: Desk, organization: Organization, clock: Clock) -> None:
    """Once its lease has ended, and not before; the one that comes back late finds it is no longer its own."""
    ask(organization)
    with begin_platform(desk.store, write=True) as platform:
        dead = lease(platform, ("letter",), platform.now + LEASE)
    assert dead is not None
    doing = Doing()
    assert doing.work(desk) == []
    clock.later = LEASE + timedelta(seconds=1)
    with begin_platform(desk.store, write=True) as platform:
        assert lease(platform, ("letter",), platform.now + LEASE) is not None
    with pytest.raises(LeaseLostError):
        desk.transact(dead, lambda tenant: finish(tenant, dead))
    clock.later += LEASE + timedelta(seconds=1)
    assert doing.work(desk) == ["ada"]


def test_what_is_asked_for_anew_while_a_worker_is_at_it_is_done_anew(desk: Desk, organization: Organization) -> None:
    """The worker does not remove what it was not given."""
    doing, begun = Doing(), list[int]()

    def do(desk: Desk, delivery: Delivery) -> None:
        begun.append(delivery.attempts)
        if len(begun) == 1:
            ask(organization)
        doing.do(desk, delivery)

    ask(organization)
    work(desk, {"letter": Handler(do)}, threading.Event())
    assert (begun, doing.done) == ([1, 1], ["ada"])
    assert left(organization) == []


def test_many_workers_do_each_thing_once(desk: Desk, organization: Organization) -> None:
    """Whichever gets it, nothing is done twice and nothing is left."""
    doing = Doing()
    subjects = [f"member {number}" for number in range(30)]
    for subject in subjects:
        ask(organization, subject)
    threads = [threading.Thread(target=doing.work, args=(desk,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    doing.work(desk)
    assert sorted(doing.done) == sorted(subjects)


def test_a_suspended_organization_waits(desk: Desk, organization: Organization) -> None:
    """What is due in it is done once it is resumed."""
    doing = Doing()
    ask(organization)
    with begin(organization.store, organization.operator, write=True) as tenant:
        suspend_organization(tenant)
    assert doing.work(desk) == []
    with begin(organization.store, organization.operator, write=True) as tenant:
        resume_organization(tenant)
    assert doing.work(desk) == ["ada"]


def test_a_worker_that_is_stopped_ends_after_what_it_is_at(desk: Desk, organization: Organization) -> None:
    """The rest is left to others."""
    doing, stopped = Doing(), threading.Event()

    def do(desk: Desk, delivery: Delivery) -> None:
        stopped.set()
        doing.do(desk, delivery)

    for subject in ("ada", "grace"):
        ask(organization, subject)
    run(desk, {"letter": Handler(do)}, stopped)
    assert doing.done == ["ada"]
    assert [each.attempts for each in left(organization)] == [0]
