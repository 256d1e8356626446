"""What a letter to a member says, before it is written in their language."""

from dataclasses import dataclass
from datetime import timedelta

import orjson

from scim_server.actions.portals import organization_of, portal_of
from scim_server.protocol.people import email_of, language_of, name_of
from scim_server.store.members import MemberRecord
from scim_server.store.session import Tenant


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to a member; ``secret`` is that of the link in it, if there is one, which works for ``lifetime``.

    ``template`` names its text, ``about`` what it tells of. ``address`` is empty where the member has none.
    """

    template: str
    member_id: str
    address: str
    name: str
    language: str
    organization: str
    slug: str
    secret: str
    lifetime: timedelta
    about: str


def letter_to(
    tenant: Tenant,
    member: MemberRecord,
    template: str,
    *,
    secret: str = "",
    lifetime: timedelta = timedelta(),
    about: str = "",
) -> Letter:
    """Return a letter to a member, in their language where the portal has it."""
    organization = organization_of(tenant)
    languages = portal_of(tenant, organization).policy.languages
    document = orjson.loads(member.document)
    return Letter(
        template,
        member.id,
        email_of(document) or "",
        name_of(document),
        language_of(document, organization.language, languages),
        organization.name,
        organization.slug,
        secret,
        lifetime,
        about,
    )
