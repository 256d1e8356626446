"""The commands for members, their roles and their access: ``member``."""

from dataclasses import asdict

import click

from scim_server.actions.erasure import erase_member
from scim_server.actions.invitations import invite, revoke_invitation
from scim_server.actions.members import leave, move, set_roles
from scim_server.actions.organizations import UnknownError
from scim_server.actions.password_resets import send_reset
from scim_server.actions.permissions import rights_of
from scim_server.actions.portals import organization_of
from scim_server.protocol.lifecycle import STATES, Event, State
from scim_server.protocol.permissions import Reason
from scim_server.store.members import get_member, list_all, list_named
from scim_server.store.roles import list_roles
from scim_server.store.session import Tenant
from scim_server.terminal import command, organization, show, table

_NAMESAKES_SHOWN = 5


@click.group()
def member() -> None:
    """The members of an organization; USER is an id, a userName or an e-mail address."""


@member.command("invite")
@click.argument("org")
@click.argument("user")
@command
def member_invite(org: str, user: str, as_json: bool) -> None:
    """Invite USER to the organization ORG, or send the invitation again; a former link ends."""
    with organization(org, write=True) as (tenant, _):
        invitation = invite(tenant, named(tenant, user))
    show(asdict(invitation), f"Invited {user}: `scim-server worker` sends the link.", as_json=as_json)


@member.command("revoke-invitation")
@click.argument("org")
@click.argument("user")
@command
def member_revoke_invitation(org: str, user: str, as_json: bool) -> None:
    """Withdraw the invitation of USER to the organization ORG."""
    with organization(org, write=True) as (tenant, _):
        invitation = revoke_invitation(tenant, named(tenant, user))
    show(asdict(invitation), f"Withdrew the invitation of {user}.", as_json=as_json)


@member.command("reset-password")
@click.argument("org")
@click.argument("user")
@command
def member_reset_password(org: str, user: str, as_json: bool) -> None:
    """Send USER of the organization ORG the link to choose a new password."""
    with organization(org, write=True) as (tenant, _):
        member_id = named(tenant, user)
        send_reset(tenant, member_id)
    show({"id": member_id}, f"`scim-server worker` sends {user} the link.", as_json=as_json)


@member.command("list")
@click.argument("org")
@click.option("--state", type=click.Choice(STATES), help="Only those who are in it.")
@command
def member_list(org: str, state: State | None, as_json: bool) -> None:
    """List the members of the organization ORG in the order of their ids."""
    with organization(org, write=False) as (tenant, _):
        rows = [asdict(each) for each in list_all(tenant, state)]
    show(rows, table(rows, "id", "state", "display", "managed_by", "created_at"), as_json=as_json)


@member.command("show")
@click.argument("org")
@click.argument("user")
@command
def member_show(org: str, user: str, as_json: bool) -> None:
    """Show USER of the organization ORG: state, roles, and what they may do through what."""
    with organization(org, write=False) as (tenant, _):
        rights = rights_of(tenant, organization_of(tenant), named(tenant, user))
    rows = [
        {"permission": name, "scope": reason.scope, "through": _way(reason)}
        for name, reasons in rights.reasons.items()
        for reason in reasons
    ]
    found = {"state": rights.state, "complete": rights.is_complete, "permissions": rows}
    show(
        found,
        table(rows or [{"permission": f"none: {rights.state}", "scope": None, "through": None}], *_SHOWN),
        as_json=as_json,
    )


_SHOWN = ("permission", "scope", "through")


def _way(reason: Reason) -> str:
    """Return the steps that lead to a permission, as one line."""
    if reason.holding is None:
        return "every member"
    return " > ".join(
        step.display + (f" ({step.mapped_from}, says {step.connection_name})" if step.mapping_id else "")
        for step in reason.holding.path
    )


@member.command("roles")
@click.argument("org")
@click.argument("user")
@click.argument("role", nargs=-1)
@command
def member_roles(org: str, user: str, role: tuple[str, ...], as_json: bool) -> None:
    """Give USER of the organization ORG each ROLE, by its key, name or id, and none but these."""
    with organization(org, write=True) as (tenant, _):
        given = set_roles(tenant, named(tenant, user), [role_named(tenant, each) for each in role])
    names = ", ".join(each.display for each in given) or "no role"
    show([asdict(each) for each in given], f"{user} has {names}.", as_json=as_json)


@member.command("suspend")
@click.argument("org")
@click.argument("user")
@command
def member_suspend(org: str, user: str, as_json: bool) -> None:
    """End the access of USER of the organization ORG; the record stays."""
    _move(org, user, "suspend", as_json=as_json)


@member.command("restore")
@click.argument("org")
@click.argument("user")
@command
def member_restore(org: str, user: str, as_json: bool) -> None:
    """Give USER of the organization ORG access again, or take them out of the archive, without access yet."""
    _move(org, user, "restore", as_json=as_json)


def _move(org: str, user: str, event: Event, *, as_json: bool) -> None:
    with organization(org, write=True) as (tenant, _):
        moved = move(tenant, named(tenant, user), event)
    show(asdict(moved), f"{user} is {moved.state}.", as_json=as_json)


@member.command("archive")
@click.argument("org")
@click.argument("user")
@click.option("--hand-over-to", help="The member who takes over what is assigned to USER.")
@command
def member_archive(org: str, user: str, hand_over_to: str | None, as_json: bool) -> None:
    """Let USER leave the organization ORG: access ends, assignments are handed over, the record stays."""
    with organization(org, write=True) as (tenant, _):
        successor = named(tenant, hand_over_to) if hand_over_to else None
        archived = leave(tenant, named(tenant, user), successor)
    show(asdict(archived), f"{user} is archived.", as_json=as_json)


@member.command("erase")
@click.argument("org")
@click.argument("user")
@click.option("--confirm", required=True, help="USER again: who they were is erased, for good.")
@command
def member_erase(org: str, user: str, confirm: str, as_json: bool) -> None:
    """Erase who the archived USER of the organization ORG was; the record stays, without a name."""
    if confirm != user:
        raise ValueError(f"--confirm must name the member who is erased for good: --confirm {user}")
    with organization(org, write=True) as (tenant, _):
        erased = erase_member(tenant, named(tenant, user))
    show(asdict(erased), f"Erased who {user} was.", as_json=as_json)


def role_named(tenant: Tenant, role: str) -> str:
    """Return the id of the role that is named by its key in the portal's profile, by its name or by its id.

    :raises UnknownError: When there is none.
    """
    roles = list_roles(tenant)
    found = [each.id for each in roles if role in (each.template, each.display, each.id)]
    if len(found) != 1:
        accepted = ", ".join(each.template or each.display for each in roles)
        raise UnknownError(f"there is no role {role!r}; the organization has: {accepted}")
    return found[0]


def named(tenant: Tenant, user: str) -> str:
    """Return the id of the member that is named by it, by userName or by e-mail address.

    :raises UnknownError: When there is none, or several are.
    """
    found = list_named(tenant, user, _NAMESAKES_SHOWN)
    if len(found) > 1:
        raise UnknownError(f"{user!r} names several members; name one by id: {', '.join(each.id for each in found)}")
    return found[0].id if found else get_member(tenant, user).id
