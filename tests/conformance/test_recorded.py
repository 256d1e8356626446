"""The recorded reports are those of the checks there are, and every difference is explained."""

import re

from conformance.rfc.catalog import all_checks
from conformance.scenario import load_all
from tests.conformance.record import REPORTS

EXPLAINED = (REPORTS / "README.md").read_text(encoding="utf-8")
OURS = (REPORTS / "scim-server.md").read_text(encoding="utf-8")
PEERS = (REPORTS / "scim2-server.md").read_text(encoding="utf-8")


def _failures(report: str) -> set[str]:
    return set(re.findall(r"^### (\S+) \((?:must|should|may)\)$", report, re.MULTILINE))


def test_nothing_failed_here() -> None:
    """The report of this server has no failure; that it looks for them as in the other one, the next test shows."""
    assert not _failures(OURS)


def test_each_failure_of_the_other_server_is_explained() -> None:
    """What failed there is what the explanation names, no more and no less."""
    named = set(re.findall(r"`([a-z]+[./][a-z0-9-]+)`", EXPLAINED.partition("## Why they differ")[2]))
    known = {check.id for check in all_checks()} | {scenario.label for scenario in load_all()}
    assert named & known == _failures(PEERS)


def test_the_reports_are_of_all_checks_and_scenarios() -> None:
    """A check or a scenario that is new asks for a new run."""
    for report in (OURS, PEERS):
        sums = [int(total) for total in re.findall(r"^\| \*\*sum\*\* \| (\d+) ", report, re.MULTILINE)]
        assert sums == [len(all_checks()), len(load_all())]
        for total in sums:
            assert f"of {total}" in EXPLAINED
