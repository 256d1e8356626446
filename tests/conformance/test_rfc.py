"""The checks: a good server passes them, and each fault turns the right ones red."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

import pytest

from conformance.rfc import client
from conformance.rfc.answers import CheckFailed
from conformance.rfc.capabilities import Capabilities, Target, discover
from conformance.rfc.catalog import MODULES, SECTIONS, all_checks
from conformance.rfc.check import Check, check
from conformance.rfc.client import Scim
from conformance.rfc.run import CheckResult, run_all, run_one
from tests.conformance.cursor_layer import Cursors
from tests.conformance.faults import bare, without_member
from tests.conformance.faulty_servers import CASES, Case
from tests.conformance.peers import target

KNOWN = {
    "create.required-empty": "an empty userName is taken",
    "delete.member": "a deleted user stays a member, which it may",
    "error.schemas-missing": "schemas is inferred",
    "filter.password": "a filter can compare the password",
    "filter.user-groups": "groups is not computed",
    "group.listed": "groups is not computed",
    "group.nested-deleted": "a deleted group stays a member, which it may",
    "group.nested-of-user": "groups is not computed",
    "group.of-user": "groups is not computed",
    "group.of-user-display": "groups is not computed",
    "group.put-ignores-groups": "groups is not computed",
    "projection.create": "attributes is ignored for a POST",
}
"""What scim2-server 0.8.3 fails, and why."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server counts microseconds: nothing has to wait for its next second."""
    monkeypatch.setattr(client, "PAUSE_S", 0.002)


@dataclass(frozen=True)
class Good:
    """What a server without faults can do, what became of each check, and how much it holds afterwards."""

    can: Capabilities
    results: tuple[CheckResult, ...]
    left: int

    def ids(self, outcome: str) -> set[str]:
        """The checks with an outcome."""
        return {result.check.id for result in self.results if result.outcome == outcome}


@cache
def good() -> Good:
    """Run everything against scim2-server behind a layer of cursors."""
    there = target(Cursors())
    can = discover(there)
    results = tuple(run_all(all_checks(), there, can))
    scim = Scim(there, can)
    return Good(can, results, scim.get("/Users").total + scim.get("/Groups").total)


@cache
def red(name: str) -> frozenset[str]:
    """The checks that fail because of a fault."""
    can, passing = good().can, good().ids("passed")
    case = CASES[name]
    faults = (case.fault,) if isinstance(case.fault, Cursors) else (Cursors(), case.fault)
    wanted = (*case.red.split(), *case.sections.split())
    checks = [
        one
        for one in all_checks()
        if one.id in passing and any(one.section == name or fnmatchcase(one.id, name) for name in wanted)
    ]
    return frozenset(result.check.id for result in run_all(checks, target(*faults), can) if result.outcome == "failed")


def test_a_good_server_fails_only_what_it_gets_wrong() -> None:
    """Of everything that scim2-server offers, the known failures are all there are."""
    assert good().ids("failed") == KNOWN.keys(), [r.message for r in good().results if r.check.id not in KNOWN]
    assert good().ids("not announced") == {"group.reference"}


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_a_fault_is_found(name: str, case: Case) -> None:
    """Each way of being wrong turns the checks red that are about it."""
    assert red(name) >= set(case.red.split()), sorted(red(name))


def test_every_check_can_fail() -> None:
    """Whatever the server passes, some fault turns red."""
    found = frozenset[str]().union(*map(red, CASES))
    assert good().ids("passed") - found == set()


def test_checks_are_named_by_section_and_say_their_rule() -> None:
    """Every id is `section.words`, every reference an RFC with sections, every rule one sentence."""
    for one in all_checks():
        assert one.section in SECTIONS
        assert one.id.replace(".", "", 1).replace("-", "").isalnum()
        assert one.reference.startswith("RFC ")
        assert "§" in one.reference
        assert 15 < len(one.rule) < 120
        assert one.level in ("must", "should", "may")
        assert one.run.__doc__ or one.section == "filter"
    assert {one.section for one in all_checks()} == set(SECTIONS)
    assert len({module.__name__ for module in MODULES}) == len(MODULES)


def test_an_id_is_given_once() -> None:
    """Two checks of one name would hide one of them."""
    taken = all_checks()[0].id
    with pytest.raises(ValueError, match=taken):
        check(taken, "must", "7644 §1", "rule")(lambda scim: None)


def test_nothing_is_left_behind() -> None:
    """Users and groups are deleted again, also those of checks that fail and of whole sections."""
    assert good().left == 0


def _one(run: Callable[[Scim], None], **keys: tuple[str, ...]) -> Check:
    return Check("x.y", "must", "RFC 0 §0", "rule", keys.get("needs", ()), keys.get("uses", ()), run)


def _result(there: Target, one: Check) -> CheckResult:
    return run_one(one, Scim(there, discover(there)))


def test_a_check_that_fails_says_so_and_cleans_up() -> None:
    """The failure keeps its message and its exchanges."""
    there = target()

    def run(scim: Scim) -> None:
        scim.read(scim.user()).fail("wrong")

    result = _result(there, _one(run))
    assert (result.outcome, result.message, len(result.exchanges)) == ("failed", "wrong", 2)
    assert result.exchange is result.exchanges[1]
    assert Scim(there, discover(there)).get("/Users").total == 0


def test_what_is_created_without_meta_or_location_is_deleted_too() -> None:
    """A projection, or a fault, may leave only the id to delete a resource by."""
    there = target(without_member("meta"), bare("Location"))

    def run(scim: Scim) -> None:
        scim.post("/Users", scim.user_body(), {"attributes": "userName"}).expect(201)

    assert _result(there, _one(run)).outcome == "passed"
    assert Scim(there, discover(there)).get("/Users").total == 0


def test_an_answer_of_unexpected_shape_fails_its_check_only() -> None:
    """A check that stumbles over an answer is a failure, not the end of the run."""

    def run(scim: Scim) -> None:
        scim.user().body["nothing"]["there"]

    result = _result(target(), _one(run))
    assert result.outcome == "failed"
    assert "KeyError" in result.message


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"needs": ("cursor",)}, "feature cursor"),
        ({"uses": ("favouriteColour",)}, "attribute favouriteColour"),
        ({"uses": ("enterprise:none",)}, "attribute enterprise:none"),
    ],
)
def test_what_is_not_announced_is_not_run(keys: dict[str, tuple[str, ...]], told: str) -> None:
    """Neither a missing feature nor a missing attribute is a failure."""

    def run(scim: Scim) -> None:
        raise CheckFailed("it was run")

    result = _result(target(), _one(run, **keys))
    assert (result.outcome, result.message) == ("not announced", told)


def test_a_feature_that_is_not_announced_is_not_looked_at() -> None:
    """Without bulk, sort, etag and cursors their sections are not announced, whole."""
    can = discover(target())
    small = Capabilities(can.config, can.resource_types, can.schemas, frozenset({"filter"}))
    checks = [one for one in all_checks() if one.section in {"bulk", "sort", "version", "cursor", "group"}]
    assert {result.outcome for result in run_all(checks, target(), small)} == {"not announced"}


def test_required_attributes_are_filled_in() -> None:
    """A server whose schema requires more gets more."""
    can = discover(target())
    user = can.schemas["urn:ietf:params:scim:schemas:core:2.0:user"]
    for attribute in user["attributes"]:
        attribute["required"] = attribute["name"] in {"emails", "name", "userName", "active", "groups"}
    body = Scim(target(), can).user_body()
    assert body["active"] is True
    assert body["emails"][0]["value"].endswith("@example.com")
    assert isinstance(body["name"], dict)
    assert "groups" not in body
