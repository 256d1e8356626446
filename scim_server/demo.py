"""The organizations that ``make run`` opens on: one for each portal profile that ships, with something on every page.

What is in them was done by the actions, as an operator and an identity provider do it; nobody in them is real.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scim_server.actions.assignments import assign
from scim_server.actions.groups import change_group_members, create_group
from scim_server.actions.imports import upload, verify_some
from scim_server.actions.mappings import Wanted, create_mapping
from scim_server.actions.members import Access, create_member, leave, move
from scim_server.actions.organizations import create_connection, create_organization, operator_credentials
from scim_server.actions.passwords import digest_chosen
from scim_server.actions.portals import portal_of
from scim_server.actions.resources import create, prepare
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.provisioning import Provisioning
from scim_server.store.health import RequestCounts
from scim_server.store.organizations import find_organization
from scim_server.store.passwords import set_password
from scim_server.store.roles import role_ids_of
from scim_server.store.session import Actor, Connection, Credentials, Store, Tenant, begin, begin_platform

COMPANIES = {
    "delegated": "Atelier Morel",
    "customer-groups": "Froid Services",
    "contacts": "Imprimerie Lenoir",
    "assigned-orders": "Menuiserie Garnier",
    "archive": "Coopérative Le Pré",
}
"""The name of the organization of each profile; its slug is the name of the profile."""

ADMINISTRATOR = "camille.martin"
"""Who signs in to each of them, before the @."""

_PEOPLE = (
    ("Camille", "Martin", "Directrice", "active"),
    ("Hugo", "Bernard", "Comptable", "active"),
    ("Léa", "Dubois", "Responsable des achats", "active"),
    ("Louis", "Petit", "Technicien", "active"),
    ("Chloé", "Durand", "Assistante", "invited"),
    ("Jules", "Leroy", "Technicien", "suspended"),
    ("Inès", "Moreau", "Stagiaire", "contact"),
    ("Arthur", "Simon", "Ancien comptable", "archived"),
)
_PROVISIONED = (
    ("Zoé", "Laurent", "Contrôleuse"),
    ("Adam", "Michel", "Chef de chantier"),
    ("Emma", "Garcia", "Juriste"),
)
_CUSTOMERS = ("Hôpital Saint-Jean", "Lycée Pasteur")
_FILE = (
    "userName,email,givenName,familyName,phone\r\n"
    "rose.fontaine@{domain},rose.fontaine@{domain},Rose,Fontaine,+33 1 23 45 67 80\r\n"
    "not an address,not an address,Paul,Roux,+33 1 23 45 67 81\r\n"
)


@dataclass(frozen=True, slots=True)
class _Demo:
    """One of the organizations while it is filled."""

    tenant: Tenant
    profile: PortalProfile
    user: ResourceDefinition
    domain: str

    def member(self, given: str, family: str, title: str, state: str, role: str | None) -> str:
        """Add a person in a state, with a role of the profile, and return their id."""
        parts = prepare(_person(given, family, title, self.domain), self.user, _STRICT)
        roles = role_ids_of(self.tenant, [role]) if role else []
        accesses: dict[str, Access] = {"contact": "none", "invited": "invite"}
        member = create_member(self.tenant, self.user, parts, roles, accesses.get(state, "grant")).id
        if state == "suspended":
            move(self.tenant, member, "suspend")
        elif state == "archived":
            leave(self.tenant, member, None)
        return member

    def group(self, name: str, kind: str, members: list[str], parent: str | None = None) -> str:
        """Add a group with members and return its id."""
        made = create_group(self.tenant, {"displayName": name}, kind, parent).id
        change_group_members(self.tenant, made, joining=members, leaving=())
        return made


_STRICT = Leniences(PROFILES["rfc"])


def _person(given: str, family: str, title: str, domain: str) -> dict[str, Any]:
    letters = str.maketrans("éèïôë", "eeioe")
    address = f"{given}.{family}@{domain}".lower().translate(letters)
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": address,
        "name": {"givenName": given, "familyName": family, "honorificPrefix": "Dr"},
        "title": title,
        "emails": [{"value": address, "type": "work", "primary": True}],
        "phoneNumbers": [{"value": "+33 1 23 45 67 89", "type": "work"}],
        "preferredLanguage": "fr",
    }


def fill_demo(store: Store, password: str, actor_id: str) -> list[str]:
    """Make those organizations that are missing, and return the slugs of all of them."""
    digest = digest_chosen(password)
    for slug, name in COMPANIES.items():
        with begin_platform(store, write=True) as platform:
            if find_organization(platform, slug) is not None:
                continue
            create_organization(
                platform,
                store,
                slug,
                name,
                actor_id=actor_id,
                time_zone="Europe/Paris",
                language="fr",
                portal=slug,
            )
        credentials = operator_credentials(store, slug, actor_id=actor_id)
        with begin(store, credentials, write=True) as tenant:
            demo = _Demo(tenant, portal_of(tenant), tenant.catalog.by_name("User"), f"{slug}.example")
            _fill(demo, digest)
            connection = create_connection(tenant, "Entra ID", "entra")
        provider = Connection(connection.id, connection.name, PROFILES[connection.profile], Provisioning())
        _provision(store, Credentials(credentials.org_id, Actor("token", "demo", provider)), demo)
        with begin(store, credentials, write=True) as tenant:
            _map(tenant, demo.profile)
        file = upload(store, credentials, [_FILE.format(domain=demo.domain).encode()])
        verify_some(store, credentials, file.id)
    return list(COMPANIES)


def _fill(demo: _Demo, digest: str) -> None:
    """Fill an organization with people in each state, teams, and what its profile has beside them."""
    administrator = next(key for key, role in demo.profile.roles.items() if role.administrator)
    others = [key for key in demo.profile.roles if key != administrator]
    members = [
        demo.member(*person, role=others[number % len(others)] if number else administrator)
        for number, person in enumerate(_PEOPLE)
    ]
    set_password(demo.tenant, members[0], digest)
    sales = demo.group("Ventes", "team", members[1:3])
    demo.group("Ventes Nord", "team", members[3:4], sales)
    if demo.profile.policy.custom_roles:
        create_group(demo.tenant, {"displayName": "Chef de chantier"}, "role", None, {"orders:read": "assigned"})
    if demo.profile.policy.data_scope == "customer_groups":
        for name in _CUSTOMERS:
            demo.group(name, "customerGroup", members[3:4])
    if demo.profile.policy.data_scope == "assigned":
        for number in (1042, 1043):
            assign(demo.tenant, "order", str(number), members[1:2])


def _provision(store: Store, credentials: Credentials, demo: _Demo) -> None:
    """Send what an identity provider sends, and count its requests over the last day."""
    group = demo.tenant.catalog.by_name("Group")
    with begin(store, credentials, write=True) as tenant:
        users = [
            create(tenant, demo.user, prepare(_person(*person, demo.domain), demo.user, _STRICT)).id
            for person in _PROVISIONED
        ]
        pushed = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "FIN-FR",
            "members": [{"value": each} for each in users[:2]],
        }
        create(tenant, group, prepare(pushed, group, _STRICT))
        now = tenant.now
    assert credentials.actor.connection is not None
    for hour in range(24):
        counts = RequestCounts()
        at = (now - timedelta(hours=hour)).timestamp()
        for _ in range(random.randrange(3, 30)):  # noqa: S311  # how many is of no importance
            counts.count(credentials.org_id, credentials.actor.connection.id, at, 200, None)
        if hour in (2, 9):
            detail = "userName 'paul.roux' is taken by a user of this organization"
            counts.count(credentials.org_id, credentials.actor.connection.id, at, 409, detail)
        counts.write(store, patiently=True)


def _map(tenant: Tenant, profile: PortalProfile) -> None:
    """Let the group that was pushed give a role that several may have."""
    open_roles = [key for key, role in profile.roles.items() if not role.administrator and role.max_holders is None]
    (role,) = role_ids_of(tenant, open_roles[-1:])
    create_mapping(tenant, Wanted("Entra ID", "group", "FIN-FR", role))


def sign_ins(base_url: str, password: str) -> list[Mapping[str, str]]:
    """Return where the administrator of each organization signs in, and as whom."""
    return [
        {
            "url": f"{base_url}/console/{slug}",
            "name": f"{ADMINISTRATOR}@{slug}.example",
            "password": password,
        }
        for slug in COMPANIES
    ]
