"""Portal profiles: the rules of a B2B portal as data, read from one TOML file each.

``docs/portals.md`` describes the file; ``scim_server/portals/`` holds those that ship.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar, get_args

from scim_server.protocol.toml_tables import TomlError, TomlTable, read_toml

Scope = Literal["assigned", "customer_groups", "organization"]
Deletion = Literal["remove", "bin", "suspend", "archive"]
Administrators = Literal["many", "one", "two"]
RolesPerMember = Literal["several", "one"]
NameAfterCreation = Literal["editable", "frozen"]
AccessOnCreation = Literal["invitation", "automatic", "separate"]
Channel = Literal["email", "sms"]
CompanyEmailDomains = Literal["advise", "ignore"]

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""How far a permission reaches, from the narrowest to the widest."""

DEFAULT_PORTAL = "delegated"
LANGUAGES = ("en", "fr")
"""Those of the console and of the letters."""

MAX_INVITATION_DAYS = 30
MANAGE_MEMBERS = "members:manage"
READ_MEMBERS = "members:read"

EDITABLE = (
    "name",
    "displayName",
    "nickName",
    "emails",
    "phoneNumbers",
    "addresses",
    "photos",
    "title",
    "preferredLanguage",
    "locale",
    "timezone",
)
"""The attributes of a User that a profile can leave to the person."""

REQUIRABLE = (
    "name.honorificPrefix",
    "name.givenName",
    "name.familyName",
    "emails",
    "phoneNumbers",
    "title",
    "preferredLanguage",
)
"""The attributes of a User that a profile can ask for."""

_KEY = re.compile(r"[a-z][a-z0-9-]*")
_PERMISSION = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*")
_A_KEY = "a key of small letters, digits and hyphens that begins with a letter, such as order-contact"

Text = Mapping[str, str]
"""A text by language."""

Permissions = Mapping[str, Scope]
"""How far each permission reaches that is given."""

_Value = TypeVar("_Value")


class PortalProfileError(ValueError):
    """A portal profile cannot be used; the message names the file, the line and what is accepted."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a portal lets some of its members do.

    ``administrator``: a holder sits in the administrator's seat, which ``Policy.administrators`` is about.
    ``grants``: the keys of roles that a holder may give to others without holding them; ``*`` is
    every role, those that an organization makes itself included.
    ``permissions`` are the role's own; ``PortalProfile.permissions_of`` adds the base.
    """

    key: str
    name: Text
    description: Text
    administrator: bool
    grants: frozenset[str]
    max_holders: int | None
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class App:
    """An application that the portal leads to, and the permission that opens it.

    One that is only announced is not ``available``: it is shown as such, and opened by nobody.
    """

    key: str
    name: Text
    permission: str
    available: bool


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person accepts before the first sign-in; a new version asks again."""

    key: str
    name: Text
    version: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The switches in which portals differ.

    ``deletion``: what the end of a membership is. ``remove`` and ``bin`` delete it for good, and differ for
    people only: a window asks whether to remove the member from the organization, a bin beside the contact
    whether to delete the contact. ``suspend`` offers suspending first, and deletes for good once the
    address has been typed. ``archive`` never deletes: what would, archives.
    ``administrators``: ``many``; ``one``, who is designated and then validated by the operator of the portal;
    ``two``, where a seat with a single holder is a warning.
    ``self_edit``: the attributes that members may change of themselves, ``*`` written out; holders of
    ``members:manage`` may change them all.
    ``name_after_creation``: ``frozen`` lets nobody change a name once the person is created.
    ``access_on_creation``: with ``invitation``, who creates a person invites them; with ``automatic``, the
    creation itself sends the link; with ``separate``, giving access is an act of its own.
    ``invitation_days``: how long the link in an invitation works.
    ``data_scope``: how narrow permissions can be. Each reaches the whole organization, or as far as this.
    ``languages``: those of the texts, the first one by default.
    ``channels``: the ways to send an invitation that are offered.
    ``company_email_domains``: ``advise`` warns of an address outside the domains of the company.
    """

    deletion: Deletion
    administrators: Administrators
    roles_per_member: RolesPerMember
    custom_roles: bool
    self_edit: frozenset[str]
    name_after_creation: NameAfterCreation
    access_on_creation: AccessOnCreation
    invitation_days: int
    data_scope: Scope
    languages: tuple[str, ...]
    required: tuple[str, ...]
    channels: tuple[Channel, ...]
    company_email_domains: CompanyEmailDomains


@dataclass(frozen=True, slots=True)
class PortalProfile:
    """The rules of a portal; roles, contact roles, apps and consents by key, in the order of the file.

    ``permissions`` is the catalogue of all there are; ``base`` is what every member may do, those
    without a role included.
    """

    name: str
    title: Text
    permissions: Mapping[str, Text]
    base: Permissions
    roles: Mapping[str, Role]
    contact_roles: Mapping[str, Text]
    apps: Mapping[str, App]
    consents: Mapping[str, Consent]
    policy: Policy

    def permissions_of(self, role_key: str) -> Permissions:
        """Return what a holder of a role may do: the base, and what the role adds.

        :raises KeyError: When there is no such role.
        """
        return widest(self.base, self.roles[role_key].permissions)

    def grantable(self, role_key: str) -> frozenset[str]:
        """Return the keys of the roles of this profile that a holder of a role may give without holding them.

        :raises KeyError: When there is no such role.
        """
        grants = self.roles[role_key].grants
        return frozenset(self.roles) if "*" in grants else grants


def widest(*given: Permissions) -> Permissions:
    """Return what several grants allow together: each permission as far as the widest of them reaches."""
    together: dict[str, Scope] = {}
    for permissions in given:
        for permission, scope in permissions.items():
            together[permission] = max(together.get(permission, scope), scope, key=SCOPES.index)
    return MappingProxyType(together)


def read_portal_profile(name: str, text: str) -> PortalProfile:
    """Return the profile that the text of the file ``{name}.toml`` describes.

    :raises PortalProfileError: When it describes none; the first mistake is told.
    """
    if not _KEY.fullmatch(name):
        raise PortalProfileError(f"{name}.toml: the name before .toml must be {_A_KEY}")
    try:
        return _profile(name, read_toml(text))
    except TomlError as exc:
        raise PortalProfileError(f"{name}.toml, {exc}") from exc


def _profile(name: str, root: TomlTable) -> PortalProfile:
    root.check_keys(("title", "permissions", "base", "roles", "contact_roles", "apps", "consents", "policy"))
    policy = _policy(root.table("policy"))
    languages = policy.languages
    catalogue = _catalogue(root.table("permissions"), languages)
    return PortalProfile(
        name=name,
        title=_texts(root, "title", languages),
        permissions=catalogue,
        base=_permissions(root.table("base"), catalogue, policy),
        roles=_roles(root, catalogue, policy),
        contact_roles=_by_key((table, _contact_role(table, languages)) for table in root.tables("contact_roles")),
        apps=_by_key((table, _app(table, catalogue, languages)) for table in root.tables("apps")),
        consents=_by_key((table, _consent(table, languages)) for table in root.tables("consents")),
        policy=policy,
    )


def _policy(table: TomlTable) -> Policy:
    table.check_keys(tuple(Policy.__dataclass_fields__))
    self_edit = table.choices("self_edit", ("*", *EDITABLE))
    return Policy(
        deletion=table.choice("deletion", get_args(Deletion)),
        administrators=table.choice("administrators", get_args(Administrators)),
        roles_per_member=table.choice("roles_per_member", get_args(RolesPerMember)),
        custom_roles=table.flag("custom_roles"),
        self_edit=frozenset(EDITABLE if "*" in self_edit else self_edit),
        name_after_creation=table.choice("name_after_creation", get_args(NameAfterCreation)),
        access_on_creation=table.choice("access_on_creation", get_args(AccessOnCreation)),
        invitation_days=table.integer("invitation_days", 1, MAX_INVITATION_DAYS),
        data_scope=table.choice("data_scope", SCOPES),
        languages=table.choices("languages", LANGUAGES, least=1),
        required=table.choices("required", REQUIRABLE),
        channels=table.choices("channels", get_args(Channel), least=1),
        company_email_domains=table.choice("company_email_domains", get_args(CompanyEmailDomains)),
    )


def _texts(table: TomlTable, key: str, languages: tuple[str, ...]) -> Text:
    texts = table.table(key)
    texts.check_keys(languages)
    return MappingProxyType({language: texts.text(language) for language in languages})


def _catalogue(table: TomlTable, languages: tuple[str, ...]) -> Mapping[str, Text]:
    for permission in table.content:
        if not _PERMISSION.fullmatch(permission):
            raise table.refusal("must be named noun:verb in small letters, such as orders:read", permission)
    for permission in (MANAGE_MEMBERS, READ_MEMBERS):
        if permission not in table.content:
            raise table.refusal(f"is missing; every portal has {MANAGE_MEMBERS} and {READ_MEMBERS}", permission)
    return MappingProxyType({permission: _texts(table, permission, languages) for permission in table.content})


def _permissions(table: TomlTable, catalogue: Mapping[str, Text], policy: Policy) -> Permissions:
    """Return what a table gives; no scope in it is narrower than the portal knows how to keep."""
    permissions: dict[str, Scope] = {}
    for permission in table.content:
        if permission not in catalogue:
            raise table.refusal(f"is not in [permissions]; accepted: {', '.join(catalogue)}", permission)
        scope = permissions[permission] = table.choice(permission, SCOPES)
        if scope not in ("organization", policy.data_scope):
            raise table.refusal(
                f"reaches {scope!r}, which policy.data_scope = {policy.data_scope!r} does not know; accepted: "
                + ", ".join(dict.fromkeys(("organization", policy.data_scope))),
                permission,
            )
        # NB: members belong to the organization as a whole; who may give roles to some could give them to all.
        if permission in (MANAGE_MEMBERS, READ_MEMBERS) and scope != "organization":
            raise table.refusal(f"must be organization, not {scope!r}: members are not divided", permission)
    return MappingProxyType(permissions)


def _roles(root: TomlTable, catalogue: Mapping[str, Text], policy: Policy) -> Mapping[str, Role]:
    tables = root.tables("roles")
    keys = tuple(_key(table) for table in tables)
    roles = _by_key((table, _role(table, keys, catalogue, policy)) for table in tables)
    for table, role in zip(tables, roles.values(), strict=True):
        if role.grants and MANAGE_MEMBERS not in role.permissions:
            raise table.refusal(f"must be empty: the role lacks {MANAGE_MEMBERS}, which giving roles takes", "grants")
        if role.administrator:
            _check_administrator(table, role, policy)
    administrators = sum(role.administrator for role in roles.values())
    if not administrators:
        raise root.refusal("must hold a role with administrator = true", "roles")
    if policy.administrators == "one" and administrators > 1:
        raise root.refusal(
            "must hold a single role with administrator = true, as policy.administrators = 'one'", "roles"
        )
    return roles


def _check_administrator(table: TomlTable, role: Role, policy: Policy) -> None:
    if MANAGE_MEMBERS not in role.permissions:
        raise table.refusal(f'must hold "{MANAGE_MEMBERS}" = "organization", as administrator = true', "permissions")
    if policy.administrators == "one" and role.max_holders != 1:
        raise table.refusal("must be 1, as policy.administrators = 'one'", "max_holders")
    if policy.administrators == "two" and role.max_holders == 1:
        raise table.refusal("must be 2 or more, or left out, as policy.administrators = 'two'", "max_holders")


def _role(table: TomlTable, keys: tuple[str, ...], catalogue: Mapping[str, Text], policy: Policy) -> Role:
    table.check_keys(("key", "name", "description", "administrator", "grants", "max_holders", "permissions"))
    return Role(
        key=_key(table),
        name=_texts(table, "name", policy.languages),
        description=_texts(table, "description", policy.languages),
        administrator=table.flag("administrator") if "administrator" in table.content else False,
        grants=frozenset(table.choices("grants", ("*", *keys)) if "grants" in table.content else ()),
        max_holders=table.integer("max_holders", 1) if "max_holders" in table.content else None,
        permissions=_permissions(table.table("permissions"), catalogue, policy),
    )


def _contact_role(table: TomlTable, languages: tuple[str, ...]) -> Text:
    table.check_keys(("key", "name"))
    return _texts(table, "name", languages)


def _app(table: TomlTable, catalogue: Mapping[str, Text], languages: tuple[str, ...]) -> App:
    table.check_keys(("key", "name", "permission", "available"))
    return App(
        key=_key(table),
        name=_texts(table, "name", languages),
        permission=table.choice("permission", tuple(catalogue)),
        available=table.flag("available"),
    )


def _consent(table: TomlTable, languages: tuple[str, ...]) -> Consent:
    table.check_keys(("key", "name", "version"))
    return Consent(
        key=_key(table),
        name=_texts(table, "name", languages),
        version=table.text("version"),
    )


def _by_key(read: Iterable[tuple[TomlTable, _Value]]) -> Mapping[str, _Value]:
    values: dict[str, _Value] = {}
    for table, value in read:
        key = _key(table)
        if key in values:
            raise table.refusal(f"{key!r} is taken; each is accepted once", "key")
        values[key] = value
    return MappingProxyType(values)


def _key(table: TomlTable) -> str:
    return table.pattern("key", _KEY, _A_KEY)
