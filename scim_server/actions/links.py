"""The links that were sent to members, as they come back."""

from typing import NoReturn

from scim2_models import NotFoundException

from scim_server.protocol.errors import GoneException
from scim_server.store.links import Link, Purpose, end_links, find_link
from scim_server.store.members import MemberRecord, get_member
from scim_server.store.session import Tenant
from scim_server.store.tokens import DigestKey

_HOW_TO_GO_ON = {
    "invitation": "ask an administrator of the organization to send the invitation again",
    "password": "ask for another one",
}


def look_at_link(tenant: Tenant, key: DigestKey, purpose: Purpose, secret: str) -> Link:
    """Return a link that still opens something.

    :raises NotFoundException: When it was used, withdrawn or replaced, or never was.
    :raises GoneException: When it has expired.
    """
    link = find_link(tenant, key, purpose, secret)
    if link is None:
        _refuse(purpose)
    if link.expires_at <= tenant.now:
        raise GoneException(detail=f"this link has expired; {_HOW_TO_GO_ON[purpose]}")
    return link


def take_link(tenant: Tenant, key: DigestKey, purpose: Purpose, secret: str) -> MemberRecord:
    """Use up a link and return its member, whose row is held: of two who use it at once, one does.

    :raises NotFoundException: When it was used, withdrawn or replaced, or never was.
    :raises GoneException: When it has expired.
    """
    member = get_member(tenant, look_at_link(tenant, key, purpose, secret).user_id, lock=True)
    # Who had the row before may have used the link, or ended it.
    look_at_link(tenant, key, purpose, secret)
    end_links(tenant, member.id, purpose)
    return member


def _refuse(purpose: Purpose) -> NoReturn:
    raise NotFoundException(
        detail=f"this link opens nothing: it was used, withdrawn or replaced by a newer one; {_HOW_TO_GO_ON[purpose]}"
    )
