"""The table of the states of a member."""

import re

import pytest
from scim2_models import ConflictException

from scim_server.protocol.lifecycle import EVENTS, STATES, TRANSITIONS, Event, next_state
from tests.serving import ROOT


def test_the_page_shows_the_table_that_the_code_runs_on() -> None:
    """docs/members.md has one row for each event and one column for each state."""
    page = (ROOT / "docs" / "members.md").read_text()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    header = next(row for row in rows if row[0] == "event")
    assert tuple(header[1:]) == STATES
    shown = {row[0]: dict(zip(STATES, row[1:], strict=True)) for row in rows if row[0] in EVENTS}
    assert shown == {
        event: {state: following.get(state, "–") for state in STATES} for event, following in TRANSITIONS.items()
    }


@pytest.mark.parametrize("event", EVENTS)
def test_what_cannot_happen_is_refused_with_what_can(event: Event) -> None:
    """The error names the state there is and those that are accepted."""
    for state in set(STATES) - set(TRANSITIONS[event]):
        with pytest.raises(ConflictException, match=re.escape(f"the member is {state}")):
            next_state(state, event)
    assert {next_state(state, event) for state in TRANSITIONS[event]} == set(TRANSITIONS[event].values())


def test_nobody_leaves_the_archive_with_access() -> None:
    """No event leads from there to access in one step."""
    assert "active" not in {following.get("archived") for following in TRANSITIONS.values()}
