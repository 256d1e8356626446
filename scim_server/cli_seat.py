"""Commands of the administrator's seat, of portal profiles and of the access review."""

import csv
import mimetypes
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scim_server.actions.access_review import Reviewed, held_since, review
from scim_server.actions.hand_overs import MAX_EVIDENCE_BYTES, approve_hand_over, request_hand_over
from scim_server.actions.organizations import UnknownError
from scim_server.actions.portal_changes import change_portal, differences
from scim_server.actions.portals import organization_of
from scim_server.actions.seat import Seat, seat_of, set_deputy
from scim_server.protocol.permissions import Holding
from scim_server.protocol.replies import timestamp
from scim_server.store.hand_overs import Evidence
from scim_server.store.resources import find_namesake
from scim_server.store.session import Tenant
from scim_server.terminal import command, organization, show, table

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AT_ONCE = 500
_REVIEW = ("id", "userName", "name", "state", "last sign-in", "kind", "access", "key", "since", "through")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = re.compile(r"^[=+\-@\t\r\n＝＋－＠]")


def _member_id(tenant: Tenant, named: str) -> str:
    """Return the id of a member who is named by it, or by their userName."""
    if _ID.fullmatch(named):
        return named
    found = find_namesake(tenant, tenant.catalog.by_name("User"), {"userName": named})
    if found is None:
        raise UnknownError(f"there is no member {named[:100]!r}; name them by their userName or id")
    return found[0].id


@click.command("profile")
@click.argument("org")
@click.argument("profile")
@click.option("--dry-run", is_flag=True, help="Say what would hold no longer, and change nothing.")
@command
def org_profile(org: str, profile: str, dry_run: bool, as_json: bool) -> None:
    """Give the organization ORG the portal profile PROFILE."""
    with organization(org, write=not dry_run) as (tenant, _):
        found = [asdict(each) for each in differences(tenant, profile)]
        if not dry_run:
            change_portal(tenant, profile)
    if as_json:
        show({"portal": profile, "changed": not dry_run, "differences": found}, "", as_json=True)
        return
    rows = [{"what": each["what"], "members": len(each["members"])} for each in found]
    if rows:
        show(None, table(rows, "what", "members"), as_json=False)
    done = f"The organization {org} has the portal profile {profile}."
    show(None, "Nothing was changed." if dry_run else done, as_json=False)


@click.command("deputy")
@click.argument("org")
@click.argument("user", required=False)
@click.option("--none", "nobody", is_flag=True, help="Let there be no deputy.")
@command
def org_deputy(org: str, user: str | None, nobody: bool, as_json: bool) -> None:
    """Name USER the deputy of the organization ORG, who stands in while no administrator has access."""
    if (user is None) != nobody:
        raise click.UsageError("name the deputy by userName or id, or say --none")
    with organization(org, write=True) as (tenant, _):
        changed = set_deputy(tenant, _member_id(tenant, user) if user else None)
    show(asdict(changed), f"The deputy of {org} is {user}." if user else f"{org} has no deputy.", as_json=as_json)


@click.command("seat")
@click.argument("org")
@command
def org_seat(org: str, as_json: bool) -> None:
    """Show who has the administrator's seat of the organization ORG, and what to mind."""
    with organization(org, write=False) as (tenant, _):
        seat = seat_of(tenant, organization_of(tenant))
    show(asdict(seat), "\n".join(_lines(seat)), as_json=as_json)


def _lines(seat: Seat) -> list[str]:
    people = [("administrator", each) for each in seat.administrators]
    people += [("deputy", seat.deputy)] if seat.deputy else []
    lines = [f"{what}: {each.display or each.id} {each.email or ''}".rstrip() for what, each in people]
    if seat.contact_email:
        lines.append(f"contact: {seat.contact_email}")
    if seat.request:
        asked = seat.request
        lines.append(
            f"{asked.kind.replace('_', '-')} to {asked.to_user_id}, requested at {timestamp(asked.requested_at)}"
        )
    return [*lines, *(f"mind: {each}" for each in seat.warnings)]


@click.command("hand-over")
@click.argument("org")
@click.option("--to", "to_user", required=True, help="Who gets the seat, by userName or id.")
@click.option("--from", "from_user", help="Who gives it up.")
@click.option("--role", help="The key of the role, where the profile has several administrators'.")
@click.option(
    "--evidence",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that shows what was agreed, such as a signed letter.",
)
@click.option("--reason", required=True, help="Why.")
@command
def org_hand_over(
    org: str, to_user: str, from_user: str | None, role: str | None, evidence: Path, reason: str, as_json: bool
) -> None:
    """Give the administrator's seat of the organization ORG to a member, recorded with evidence."""
    if evidence.stat().st_size > MAX_EVIDENCE_BYTES:
        raise ValueError(f"{evidence} is larger than {MAX_EVIDENCE_BYTES} bytes")
    media_type = mimetypes.guess_type(evidence.name)[0] or "application/octet-stream"
    file = Evidence(evidence.name, media_type, evidence.read_bytes())
    with organization(org, write=True) as (tenant, _):
        to_id, from_id = _member_id(tenant, to_user), _member_id(tenant, from_user) if from_user else None
        asked = request_hand_over(tenant, to_id, from_id, reason, file, role)
        approved = approve_hand_over(tenant, asked.id)
    show(asdict(approved), f"{to_user} has the administrator's seat of {org}.", as_json=as_json)


@click.command("review")
@click.argument("org")
@command
def member_review(org: str, as_json: bool) -> None:
    """Write who has which role and customer group in the organization ORG as CSV: since when, and through what."""
    found: list[Reviewed] = []
    with organization(org, write=False) as (tenant, _):
        own = organization_of(tenant)
        while True:
            some = review(tenant, own, after=found[-1].id if found else "", limit=_AT_ONCE)
            found += some
            if len(some) < _AT_ONCE:
                break
    rows = [_row(member, held) for member in found for held in member.held]
    if as_json:
        show([dict(zip(_REVIEW, row, strict=True)) for row in rows], "", as_json=True)
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(_REVIEW)
    writer.writerows([_as_text(cell) for cell in row] for row in rows)


def _row(member: Reviewed, held: Holding) -> tuple[Any, ...]:
    since = held_since(held)
    through = " > ".join(edge.display for edge in held.path[:-1])
    mapped = [edge for edge in held.path if edge.mapped_from is not None]
    through += "".join(f" ({edge.connection_name}: {edge.mapped_from})" for edge in mapped)
    return (
        member.id,
        member.user_name,
        member.display or "",
        member.state,
        timestamp(member.last_sign_in_at) if member.last_sign_in_at else "",
        held.kind,
        held.display,
        held.template or "",
        timestamp(since) if since else "",
        "in place of an administrator" if held.path[-1].is_deputy else through.strip(),
    )


def _as_text(cell: str) -> str:
    """Return a cell that no spreadsheet runs."""
    return f"'{cell}" if _FORMULA.match(cell) else cell
