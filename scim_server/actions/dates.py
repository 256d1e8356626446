"""Joiners and leavers: access that begins and ends on a day, without anybody doing anything on it."""

import orjson

from scim_server.actions.password_resets import offer_first_password
from scim_server.protocol.documents import Document
from scim_server.protocol.lifecycle import TRANSITIONS, Event
from scim_server.protocol.people import email_of
from scim_server.store.calendar import END, START
from scim_server.store.deliveries import Delivery, finish
from scim_server.store.members import find_member, set_state
from scim_server.store.session import Tenant
from scim_server.store.trail import record

_EVENTS: dict[str, Event] = {START: "start", END: "end"}


def reach_day(tenant: Tenant, delivery: Delivery) -> None:
    """Give a member access on their first day, or end it on the day after the last, where their state has it so.

    NB: as with what an identity provider pushes, the last administrator is no exception.
    """
    finish(tenant, delivery)
    event = _EVENTS[delivery.kind]
    member = find_member(tenant, delivery.subject, lock=True)
    state = None if member is None else TRANSITIONS[event].get(member.state)
    if member is None or state is None:
        return
    moved = set_state(tenant, member, state)
    changes = {"state": {"from": member.state, "to": state}, "day": {"to": delivery.day}}
    record(tenant, f"user.{event}", "User", member.id, changes)
    document: Document = orjson.loads(member.document)
    if event == "start" and email_of(document) is not None:
        offer_first_password(tenant, moved)
