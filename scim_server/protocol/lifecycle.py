"""The life of a member: its states, and what leads from one to another; docs/members.md shows the same table."""

from typing import Literal, get_args

from scim2_models import ConflictException

State = Literal["contact", "invited", "active", "suspended", "archived"]
Event = Literal["invite", "revoke", "accept", "grant_access", "start", "suspend", "end", "restore", "archive"]

STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)

TRANSITIONS: dict[Event, dict[State, State]] = {
    # An invitation that is sent again leaves who it is for invited.
    "invite": {"contact": "invited", "invited": "invited", "suspended": "invited"},
    "revoke": {"invited": "contact"},
    "accept": {"invited": "active"},
    "grant_access": {"contact": "active", "invited": "active", "suspended": "active", "active": "active"},
    "start": {"contact": "active"},
    "suspend": {"active": "suspended", "invited": "suspended", "suspended": "suspended"},
    "end": {"active": "suspended", "invited": "suspended"},
    # Who comes back from the archive has no access yet.
    "restore": {"suspended": "active", "archived": "suspended"},
    "archive": dict.fromkeys(STATES, "archived"),
}
"""The state that each event leads to, from each state where it can happen."""


def next_state(state: State, event: Event) -> State:
    """Return the state that follows.

    :raises ConflictException: When the event cannot happen in that state.
    """
    following = TRANSITIONS[event].get(state)
    if following is None:
        accepted = ", ".join(TRANSITIONS[event])
        raise ConflictException(detail=f"the member is {state}; {event.replace('_', ' ')} takes one who is {accepted}")
    return following
