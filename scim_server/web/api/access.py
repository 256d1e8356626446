"""What a token may do under ``/api/v1``, and in which organization."""

import re

from scim2_models import ConflictException, NotFoundException

from scim_server.actions.organizations import DELETING, SLUG
from scim_server.store.organizations import Organization, find_organization
from scim_server.store.session import Actor, Credentials, begin_platform
from scim_server.web.requests import current_request
from scim_server.web.site import current_site

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_operator() -> bool:
    """Return whether the token reaches every organization."""
    return "operator" in current_request().credentials.actor.scopes


def enter(slug_or_id: str, *, deleting: bool = False) -> tuple[Organization, Credentials]:
    """Return an organization, and the credentials to act in it.

    :param deleting: Whether one that is being deleted is entered too.
    :raises NotFoundException: When there is none, or the token is another organization's.
    :raises ConflictException: When it is being deleted.
    """
    credentials = current_request().credentials
    organization = None
    if SLUG.fullmatch(slug_or_id) or _ID.fullmatch(slug_or_id):
        with begin_platform(current_site().store, write=False) as platform:
            organization = find_organization(platform, slug_or_id)
    if organization is None or not (is_operator() or organization.id == credentials.org_id):
        raise NotFoundException(detail=f"there is no organization {slug_or_id[:100]!r}")
    if organization.status == "deleting" and not deleting:
        raise ConflictException(detail=DELETING)
    # NB: without its connection, whose groups alone it would see: here it acts for the organization.
    kind = "operator" if is_operator() else credentials.actor.kind
    actor = Actor(kind, credentials.actor.id, None, credentials.actor.scopes)
    return organization, Credentials(organization.id, actor, credentials.request_id)


def check_id(what: str, identifier: str) -> str:
    """Return an id, or refuse one this server never gave: the database need not be asked.

    :raises NotFoundException: When it has another form.
    """
    if not _ID.fullmatch(identifier):
        raise NotFoundException(detail=f"there is no {what} {identifier[:100]!r}")
    return identifier
