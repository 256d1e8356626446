"""Changes of several members at once: what each of them would be made, person by person, and then that."""

from flask import flash, render_template, request
from flask_babel import gettext, ngettext

from scim_server.actions.member_rows import (
    CHANGES,
    MAX_AT_ONCE,
    Change,
    Outcome,
    change_each,
    changes_of,
    preview_changes,
)
from scim_server.protocol.lifecycle import TRANSITIONS
from scim_server.store.groups import get_group
from scim_server.store.session import Tenant
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.members import Filters, read_filters
from scim_server.web.console.texts import state_name
from scim_server.web.console.visits import Page, Visit, page


@page("/members/bulk", permission="members:manage", methods=("GET", "POST"))
def change_members(visit: Visit) -> Page:
    """Show what a change would do to those who are selected, and do it once that is confirmed."""
    filters = read_filters()
    if request.method == "GET":
        return visit.redirect("members_page", **filters.query())
    ids = list(dict.fromkeys(request.form.getlist("member")))
    asked, _, group_id = request.form.get("change", "").partition(":")
    change = next((each for each in CHANGES if each == asked and each in changes_of(visit.profile)), None)
    problem = _problem(ids, change)
    if problem or change is None:
        flash(problem, "warning")
        return visit.redirect("members_page", **filters.query())
    if "confirm" in request.form:
        _tell(visit.write(lambda tenant: change_each(tenant, ids, change, group_id)))
        return visit.redirect("members_page", **filters.query())
    return _preview(visit, filters, ids, change, group_id)


def _problem(ids: list[str], change: Change | None) -> str:
    """Return why nothing can be done, empty where it can."""
    if change is None:
        return gettext("This cannot be done to several members at once here.")
    if not ids:
        return gettext("Nobody is selected. Tick the members first.")
    if len(ids) > MAX_AT_ONCE:
        return gettext("At most %(number)s members can be changed at once.", number=MAX_AT_ONCE)
    return ""


def _preview(visit: Visit, filters: Filters, ids: list[str], change: Change, group_id: str) -> Page:
    def preview(tenant: Tenant) -> tuple[str, list[Outcome]]:
        name = get_group(tenant, group_id, kind=change).display if change in ("team", "role") else ""
        return name, preview_changes(tenant, ids, change, group_id)

    # It writes, and undoes it.
    name, outcomes = visit.write(preview)
    titles = {
        "suspend": gettext("Suspend members"),
        "restore": gettext("Restore the access of members"),
        "archive": gettext("Archive members"),
        "invite": gettext("Invite members"),
        "team": gettext("Add members to the team %(name)s", name=name),
        "role": gettext("Give members the role %(name)s", name=name),
    }
    return render_template(
        "console/members_at_once.html",
        visit=visit,
        filters=filters,
        title=titles[change],
        change=request.form["change"],
        outcomes=outcomes,
        able=[each for each in outcomes if each.refusal is None],
        reason=lambda outcome: _reason(outcome, change),
    )


def _reason(outcome: Outcome, change: Change) -> str:
    """Return why a member cannot be changed, as the person who is to decide reads it."""
    assert outcome.refusal is not None
    transitions = TRANSITIONS[change] if change in ("suspend", "restore", "archive", "invite") else None
    if transitions is not None and outcome.before is not None and outcome.before not in transitions:
        return gettext("This is not done in the state: %(state)s.", state=state_name(outcome.before))
    return in_their_language(outcome.refusal)


def _tell(outcomes: list[Outcome]) -> None:
    """Say how many were changed, and how many were not."""
    done = sum(each.refusal is None for each in outcomes)
    if done:
        flash(ngettext("%(num)d member is changed.", "%(num)d members are changed.", done), "success")
    if left := len(outcomes) - done:
        flash(ngettext("%(num)d member stays as they were.", "%(num)d members stay as they were.", left), "warning")
