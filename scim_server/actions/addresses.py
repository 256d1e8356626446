"""Which addresses of members the portal advises: those of the company, and others are never refused."""

import orjson

from scim_server.actions.authority import administrators
from scim_server.actions.portals import organization_of
from scim_server.protocol.documents import Document
from scim_server.protocol.people import email_of
from scim_server.store.members import get_member
from scim_server.store.session import Tenant

_MAX_ADMINISTRATORS = 20


def company_domains(tenant: Tenant) -> frozenset[str]:
    """Return the domains of the company, where the portal advises its addresses; none where it advises nothing.

    They are those of the organization's mailbox, and of its administrators who have access.
    """
    organization = organization_of(tenant)
    profile = tenant.portals.get(organization.portal)
    if profile is None or profile.policy.company_email_domains != "advise":
        return frozenset()
    found = administrators(tenant, profile, limit=_MAX_ADMINISTRATORS)
    addresses = [email_of(orjson.loads(get_member(tenant, each[0]).document)) for each in found]
    return frozenset(_domain(each) for each in (*addresses, organization.contact_email) if each)


def warnings_of(document: Document, domains: frozenset[str]) -> list[str]:
    """Return what to mind about the address of a user, where their company has these domains."""
    address = email_of(document)
    if not domains or address is None or _domain(address) in domains:
        return []
    return [
        f"the address is not of the company ({', '.join(sorted(domains))}), which can end it when the person leaves"
    ]


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
