"""What organizations ask of the operator about the administrator's seat: read with its evidence, and decided.

An administrator whom a portal validates is designated by such a request, and validated by its approval.
"""

import re
from functools import partial
from io import BytesIO
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext
from scim2_models import InvalidValueException, SCIMException

from scim_server.actions.hand_overs import approve_hand_over, reject_hand_over
from scim_server.store.hand_overs import HandOver, find_open, get_evidence, get_hand_over
from scim_server.store.names import names_of
from scim_server.store.organizations import Organization, list_organizations
from scim_server.store.session import Tenant, begin_platform
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.operator import Operation, kind_of, operator_page, status_of
from scim_server.web.console.reading import check_id, text_in_query
from scim_server.web.console.visits import Page, organization_named
from scim_server.web.site import current_site

REQUESTS_SHOWN = 20
ORGANIZATIONS_LOOKED_AT = 200
"""In how many organizations one page looks for requests."""

MAX_NOTE_LENGTH = 2_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNSAFE_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\\"]+")


@operator_page("/hand-overs")
def operator_hand_overs(operation: Operation) -> Page:
    """List the requests of all organizations that wait for a decision, in the order of the organizations."""
    after = text_in_query("after")
    with begin_platform(current_site().store, write=False) as platform:
        looked_at = list_organizations(platform, after=after, limit=ORGANIZATIONS_LOOKED_AT)
    found: list[tuple[Organization, HandOver, str]] = []
    following = looked_at[-1].slug if len(looked_at) == ORGANIZATIONS_LOOKED_AT else None
    for organization in looked_at:
        if organization.status == "deleting":
            continue
        # Each in its own tenant: no statement reaches into two organizations.
        open_one = operation.read(organization, _open_with_name)
        if open_one is not None:
            found.append((organization, *open_one))
        if len(found) == REQUESTS_SHOWN:
            following = organization.slug
            break
    return render_template(
        "console/operator/hand_overs.html",
        found=found,
        following=url_for("console.operator_hand_overs", after=following) if following else "",
        first=url_for("console.operator_hand_overs") if after else "",
        kind_of=kind_of,
    )


def _open_with_name(tenant: Tenant) -> tuple[HandOver, str] | None:
    """Return the request that waits for a decision, and whom it is for."""
    found = find_open(tenant)
    if found is None:
        return None
    named = names_of(tenant, [found.to_user_id]).get(found.to_user_id)
    return found, (named.display if named else None) or found.to_user_id


@operator_page("/organizations/<slug>/hand-overs/<hand_over>", methods=("GET", "POST"))
def operator_hand_over(operation: Operation, slug: str, hand_over: str) -> Page:
    """Show a request with what its approval does; approve or reject it."""
    organization = organization_named(slug)
    check_id("hand-over", hand_over)
    if request.method == "GET":
        return _one(operation, organization, hand_over)
    decide = {"approve": approve_hand_over, "reject": reject_hand_over}.get(request.form.get("do", ""))
    try:
        note = _note()
        if decide is None:
            raise InvalidValueException(detail="choose whether to approve or to reject")
        decided = operation.write(organization, lambda tenant: decide(tenant, hand_over, note))
    except SCIMException as exc:
        return _one(operation, organization, hand_over, in_their_language(exc)), exc.status
    said = {"approved": gettext("The hand-over is approved."), "rejected": gettext("The hand-over is rejected.")}
    flash(said[decided.status], "success")
    return redirect(url_for("console.operator_organization", slug=organization.slug), 303)


def _note() -> str | None:
    """Return the note to the organization, None where there is none.

    :raises InvalidValueException: When it is too long, or no text.
    """
    note = request.form.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > MAX_NOTE_LENGTH:
        raise InvalidValueException(detail=f"the note has more than {MAX_NOTE_LENGTH} characters")
    if _CONTROL.search(note):
        raise InvalidValueException(detail="the note has characters that are none of a text")
    return note or None


def _one(operation: Operation, organization: Organization, hand_over: str, problem: str | None = None) -> str:
    found, names = operation.read(organization, partial(_with_names, hand_over))
    return render_template(
        "console/operator/hand_over.html",
        organization=organization,
        hand_over=found,
        names=names,
        kind_of=kind_of,
        status_of=status_of,
        note=request.form.get("note", ""),
        max_note_length=MAX_NOTE_LENGTH,
        problem=problem,
    )


def _with_names(hand_over_id: str, tenant: Tenant) -> tuple[HandOver, dict[str, str]]:
    """Return a request with what the people in it are called, by their ids."""
    found = get_hand_over(tenant, hand_over_id)
    ids = {each for each in (found.to_user_id, found.from_user_id, found.requested_by) if each}
    named = names_of(tenant, sorted(ids))
    return found, {identifier: each.display or identifier for identifier, each in named.items()}


@operator_page("/organizations/<slug>/hand-overs/<hand_over>/evidence")
def operator_evidence(operation: Operation, slug: str, hand_over: str) -> Page:
    """Hand out the evidence of a request.

    It was uploaded by somebody else: whatever it says that it is, the browser keeps it, and shows or runs none of it.
    """
    organization = organization_named(slug)
    check_id("hand-over", hand_over)
    evidence = operation.read(organization, lambda tenant: get_evidence(tenant, hand_over))
    name: str = _UNSAFE_IN_A_NAME.sub("_", evidence.name)[:200] or "evidence"
    file: dict[str, Any] = {"mimetype": "application/octet-stream", "as_attachment": True, "download_name": name}
    return send_file(BytesIO(evidence.content), max_age=0, etag=False, **file)
