"""The commands for the access of members: ``member``."""

from dataclasses import asdict

import click

from scim_server.actions.invitations import invite, revoke_invitation
from scim_server.actions.organizations import UnknownError
from scim_server.actions.password_resets import send_reset
from scim_server.store.members import get_member, list_named
from scim_server.store.session import Tenant
from scim_server.terminal import command, organization, show

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


def named(tenant: Tenant, user: str) -> str:
    """Return the id of the member that is named by it, by userName or by e-mail address.

    :raises UnknownError: When there is none, or several are.
    """
    found = list_named(tenant, user, _NAMESAKES_SHOWN)
    if len(found) > 1:
        raise UnknownError(f"{user!r} names several members; name one by id: {', '.join(each.id for each in found)}")
    return found[0].id if found else get_member(tenant, user).id
