"""The administrator's seat: its deputy, and its hand-over, which the operator of the portal decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import InvalidValueException

from scim_server.actions.authority import seat_is_held
from scim_server.actions.hand_overs import (
    MAX_EVIDENCE_BYTES,
    attach_evidence,
    request_hand_over,
    withdraw_hand_over,
)
from scim_server.actions.seat import Seat, seat_of, set_deputy
from scim_server.protocol.portals import MANAGE_MEMBERS, Role
from scim_server.store.hand_overs import Evidence, HandOver
from scim_server.store.roles import get_role
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.member_names import member_named
from scim_server.web.console.reading import check_id, chosen_id, typed, typed_lines
from scim_server.web.console.roles import show_role
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page, seat_shown

_MAX_NAME_LENGTH = 200
_MAX_TYPE_LENGTH = 100


@page("/roles/<role>/deputy", permission=MANAGE_MEMBERS, methods=("POST",))
def name_deputy(visit: Visit, role: str) -> Page:
    """Say who stands in for the administrators, or that nobody does."""
    name = typed("deputy")

    def action(tenant: Tenant) -> None:
        get_role(tenant, check_id("role", role))
        set_deputy(tenant, member_named(tenant, name) if name else None)

    try:
        visit.write(action)
    except Refusal as exc:
        return show_role(visit, role, exc, {"deputy": name}), getattr(exc, "status", 409)
    flash(gettext("The deputy is named.") if name else gettext("There is no deputy any more."), "success")
    return visit.redirect("role_page", role=check_id("role", role))


@dataclass(frozen=True, slots=True)
class HandOverForm:
    """What a form says of a hand-over; ``from_id`` is empty where nobody gives the seat up."""

    to: str
    from_id: str
    reason: str
    role_key: str

    @classmethod
    def sent(cls) -> "HandOverForm":
        """Return the one that was sent."""
        return cls(typed("to"), chosen_id("from", is_optional=True), typed_lines("reason", 1_000), typed("role", 100))


@page("/hand-over", methods=("GET", "POST"))
def hand_over_page(visit: Visit) -> Page:
    """Show the hand-over that is open; or ask for one.

    Who manages members may; every member, where a portal has one administrator and nobody has the seat.
    """
    if not (visit.manages or visit.read(lambda tenant: _is_vacant(tenant, visit))):
        return render_template("console/ask_administrator.html", visit=visit, seat=seat_shown(visit)), 403
    if request.method == "GET":
        return _form(visit)
    form, evidence = HandOverForm.sent(), _evidence()

    def action(tenant: Tenant) -> HandOver:
        if not form.reason:
            raise InvalidValueException(detail="give a reason, for the operator to read")
        to_id = member_named(tenant, form.to)
        return request_hand_over(tenant, to_id, form.from_id or None, form.reason, evidence, form.role_key or None)

    asked = gettext("The hand-over is asked for. It holds once the operator of the portal has approved it.")
    return _done(visit, action, asked, form)


def _is_vacant(tenant: Tenant, visit: Visit) -> bool:
    is_one = visit.profile.policy.administrators == "one"
    return is_one and not seat_is_held(tenant, visit.profile, visit.organization)


@page("/hand-over/<hand_over>/evidence", methods=("POST",))
def add_evidence(visit: Visit, hand_over: str) -> Page:
    """Give a hand-over that is open its evidence, in place of any it had."""
    check_id("hand-over", hand_over)
    evidence = _evidence()

    def action(tenant: Tenant) -> HandOver:
        if evidence is None:
            raise InvalidValueException(detail="choose a file")
        return attach_evidence(tenant, hand_over, evidence)

    return _done(visit, action, gettext("The evidence is attached."))


@page("/hand-over/<hand_over>/withdraw", methods=("POST",))
def withdraw_request(visit: Visit, hand_over: str) -> Page:
    """Take a hand-over back that is open."""
    check_id("hand-over", hand_over)
    return _done(visit, lambda tenant: withdraw_hand_over(tenant, hand_over), gettext("The hand-over is withdrawn."))


def _done(visit: Visit, action: Callable[[Tenant], Any], text: str, form: HandOverForm | None = None) -> Page:
    try:
        visit.write(action)
    except Refusal as exc:
        return _form(visit, form, exc), getattr(exc, "status", 409)
    flash(text, "success")
    return visit.redirect("hand_over_page")


def _evidence() -> Evidence | None:
    """Return the file that was sent, None where none was chosen."""
    sent = request.files.get("evidence")
    if sent is None or not sent.filename:
        return None
    name = "".join(each for each in sent.filename if each.isprintable()).strip()[-_MAX_NAME_LENGTH:]
    # One byte more than is taken says that it is too large.
    content = sent.stream.read(MAX_EVIDENCE_BYTES + 1)
    return Evidence(name or "evidence", sent.mimetype[:_MAX_TYPE_LENGTH] or "application/octet-stream", content)


def _form(visit: Visit, form: HandOverForm | None = None, problem: Exception | None = None) -> str:
    seat: Seat = visit.read(lambda tenant: seat_of(tenant, visit.organization))
    holders = {each.id for each in seat.administrators}
    # Who asks gives it up, most of the time.
    from_id = visit.member.id if visit.member.id in holders else next(iter(holders), "")
    seats: list[Role] = [role for role in visit.profile.roles.values() if role.administrator]
    return render_template(
        "console/hand_over.html",
        visit=visit,
        seat=seat,
        form=form or HandOverForm("", from_id, "", ""),
        givers=[(each.id, each.display or each.id) for each in seat.administrators],
        roles=[(role.key, in_language(role.name)) for role in seats],
        max_mb=MAX_EVIDENCE_BYTES // 1_000_000,
        problem=in_their_language(problem) if problem else None,
    )
