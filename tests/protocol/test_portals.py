"""Portal profiles: what each preset says, and how each mistake in a file is told."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim_server.protocol.portals import (
    DEFAULT_PORTAL,
    EDITABLE,
    SCOPES,
    PortalProfile,
    PortalProfileError,
    read_portal_profile,
    widest,
)

ROOT = Path(__file__).parents[2]
TEXTS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "scim_server" / "portals").glob("*.toml"))
}
PORTALS = {name: read_portal_profile(name, text) for name, text in TEXTS.items()}
DELEGATED, GROUPS, CONTACTS, ASSIGNED, ARCHIVE = (
    PORTALS[name] for name in ("delegated", "customer-groups", "contacts", "assigned-orders", "archive")
)
PRESETS = pytest.mark.parametrize("portal", PORTALS.values(), ids=PORTALS.keys())

PORTAL = """\
title = { en = "House" }

[permissions]
"members:manage" = { en = "Manage members" }
"members:read" = { en = "See members" }
"orders:read" = { en = "See orders" }

[base]
"orders:read" = "assigned"

[[roles]]
key = "administrator"
name = { en = "Administrator" }
description.en = '''
Manages [[roles]]
key = "everything"
'''
administrator = true
grants = [
    "*",  # [[roles]]
]

[roles.permissions]
"members:manage" = "organization"

[[roles]]
key = "seller"
name = { en = "Seller" }
description = { en = "Sells" }
max_holders = 3

[roles.permissions]
"orders:read" = "organization"

[[contact_roles]]
key = "invoices"
name = { en = "Invoices" }

[[apps]]
key = "shop"
name = { en = "Shop" }
permission = "orders:read"
available = false

[[consents]]
key = "terms"
name = { en = "Terms" }
version = "1"

[policy]
deletion = "remove"
administrators = "many"
roles_per_member = "several"
custom_roles = false
self_edit = []
name_after_creation = "editable"
access_on_creation = "invitation"
invitation_days = 30
data_scope = "assigned"
languages = ["en"]
required = ["emails"]
channels = ["email"]
company_email_domains = "ignore"
"""
"""A file with every key and every notation, which the tests below break in one place each."""


def refusal(text: str) -> str:
    """Return how a text is refused."""
    with pytest.raises(PortalProfileError) as caught:
        read_portal_profile("house", text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def texts(value: Any) -> Iterator[dict[str, str]]:
    """Yield each text by language in a file."""
    if isinstance(value, dict) and "en" in value:
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def own(portal: PortalProfile, role: str) -> set[str]:
    """Return what a role adds to the base."""
    return set(portal.permissions_of(role)) - set(portal.base)


def test_there_are_five_presets_and_a_default() -> None:
    """One for the shape of each portal that the product replaces."""
    assert set(PORTALS) == {"archive", "assigned-orders", "contacts", "customer-groups", "delegated"}
    assert DEFAULT_PORTAL in PORTALS


@PRESETS
def test_every_text_of_a_preset_is_in_both_languages(portal: PortalProfile) -> None:
    """French comes first, and nothing is left in one language."""
    assert portal.policy.languages == ("fr", "en")
    found = list(texts(tomllib.loads(TEXTS[portal.name])))
    assert len(found) >= len(portal.permissions) + 2 * len(portal.roles) + 1
    assert all(each.keys() == {"fr", "en"} for each in found)


@PRESETS
def test_every_permission_of_a_preset_is_given_by_something(portal: PortalProfile) -> None:
    """A permission that no role has and that is not in the base would be a promise to nobody."""
    given = widest(portal.base, *(role.permissions for role in portal.roles.values()))
    assert given.keys() == portal.permissions.keys()


@PRESETS
def test_only_the_seat_of_the_administrator_manages_members_in_a_preset(portal: PortalProfile) -> None:
    """What the five portals agree on; and an administrator can give every other role."""
    managing = {key for key in portal.roles if "members:manage" in portal.permissions_of(key)}
    assert managing == {role.key for role in portal.roles.values() if role.administrator}
    assert "members:manage" not in portal.base
    for key, role in portal.roles.items():
        others = portal.roles.keys() - {key}
        assert portal.grantable(key) >= others if role.administrator else portal.grantable(key) == frozenset()


def test_delegated_roles_nest_and_the_administrator_has_no_business_data() -> None:
    """Quotations, orders, invoices and the balance each hold what is before them (rules 1.8 to 1.13)."""
    nested = ("quotation-management", "order-management", "invoice-management", "account-balance")
    held = [own(DELEGATED, role) for role in nested]
    assert held[:3] == [
        {"quotations:read"},
        {"quotations:read", "orders:read"},
        {"quotations:read", "orders:read", "invoices:read"},
    ]
    assert held[2] < held[3]
    assert own(DELEGATED, "delegated-administrator") == {"members:manage", "members:read"}
    everything = set(DELEGATED.permissions) - own(DELEGATED, "delegated-administrator")
    assert set(DELEGATED.permissions_of("account-balance")) == everything
    assert not set(DELEGATED.base) & held[3]
    assert DELEGATED.roles["delegated-administrator"].name["fr"] == "Administrateur délégué"


def test_delegated_policy() -> None:
    """Members are removed, by many administrators; no invitation is sent by SMS (rules 1.17 to 1.22)."""
    policy = DELEGATED.policy
    assert (policy.deletion, policy.administrators, policy.roles_per_member) == ("remove", "many", "several")
    assert (policy.name_after_creation, policy.access_on_creation) == ("editable", "invitation")
    assert policy.channels == ("email",)
    assert {"e-shop", "stand-by-me", "selection-software", "business-portal"} <= DELEGATED.apps.keys()
    assert {app.available for app in DELEGATED.apps.values()} == {True, False}


def test_a_technician_reaches_devices_and_alarms_of_customer_groups() -> None:
    """An invited administrator needs nothing more; a technician without groups reaches nothing (2.5 to 2.14)."""
    devices_and_alarms = {"devices:read", "alarms:read"}
    assert dict(GROUPS.permissions_of("technician")) == dict.fromkeys(devices_and_alarms, "customer_groups")
    assert set(GROUPS.permissions_of("administrator").values()) == {"organization"}
    assert set(GROUPS.permissions_of("administrator")) > devices_and_alarms
    assert GROUPS.roles.keys() == {"administrator", "technician"}
    assert (GROUPS.policy.roles_per_member, GROUPS.policy.data_scope) == ("one", "customer_groups")
    assert (GROUPS.policy.invitation_days, GROUPS.policy.self_edit) == (30, frozenset({"name"}))
    assert "name.honorificPrefix" in GROUPS.policy.required
    assert GROUPS.consents.keys() == {"privacy", "terms"}


def test_contacts_have_one_administrator_and_frozen_names() -> None:
    """The one administrator hands the seat over through the operator alone (rules 3.3 to 3.17)."""
    administrator = CONTACTS.roles["administrator"]
    assert (CONTACTS.policy.administrators, administrator.max_holders) == ("one", 1)
    assert CONTACTS.grantable("administrator") == {"buyer", "consultation"}
    assert CONTACTS.contact_roles.keys() == {"invoice-contact", "order-contact", "delivery-contact"}
    assert own(CONTACTS, "consultation") < own(CONTACTS, "buyer")
    policy = CONTACTS.policy
    assert (policy.deletion, policy.name_after_creation) == ("bin", "frozen")
    assert (policy.access_on_creation, policy.self_edit, policy.roles_per_member) == ("automatic", frozenset(), "one")


def test_a_poseur_sees_assigned_orders_only() -> None:
    """Further roles are the customer's own; members change their own details (rules 4.1 to 4.17)."""
    assert ASSIGNED.permissions_of("poseur") == {"orders:read": "assigned"}
    policy = ASSIGNED.policy
    assert (policy.deletion, policy.custom_roles, policy.roles_per_member) == ("suspend", True, "one")
    assert (policy.self_edit, policy.company_email_domains) == (frozenset(EDITABLE), "advise")
    assert "phoneNumbers" in policy.required
    assert [name for name, portal in PORTALS.items() if portal.policy.custom_roles] == ["assigned-orders"]


def test_archive_never_deletes_and_its_administration_distributes_roles_only() -> None:
    """Several roles each, access apart, a base for who has no role, two administrators (rules 5.1 to 5.11)."""
    assert {key: own(ARCHIVE, key) for key in ARCHIVE.roles} == {
        "administration": {"members:manage", "members:read"},
        "comptabilite": {"invoices:read", "orders:read"},
        "gestion-flotte": {"orders:create", "contracts:terminate", "devices:assign"},
        "informatique": {"support:read"},
    }
    assert ARCHIVE.base.keys() == {"support:create", "team:contact"}
    policy = ARCHIVE.policy
    assert (policy.deletion, policy.administrators, policy.roles_per_member) == ("archive", "two", "several")
    assert policy.access_on_creation == "separate"
    assert ARCHIVE.roles["gestion-flotte"].name["fr"] == "Gestion de la flotte"


def test_a_role_adds_to_the_base_and_reaches_the_wider_of_two_scopes() -> None:
    """A role never takes away what every member may do."""
    portal = read_portal_profile("house", PORTAL)
    assert portal.permissions_of("administrator") == {"orders:read": "assigned", "members:manage": "organization"}
    assert portal.permissions_of("seller") == {"orders:read": "organization"}
    assert portal.grantable("administrator") == {"administrator", "seller"}
    assert (portal.grantable("seller"), portal.roles["seller"].max_holders) == (frozenset(), 3)
    with pytest.raises(KeyError):
        portal.permissions_of("buyer")


@given(st.lists(st.dictionaries(st.sampled_from(["a:a", "b:b", "c:c"]), st.sampled_from(SCOPES))))
def test_several_grants_reach_as_far_as_the_widest(given_: list[dict[str, Any]]) -> None:
    """The order of the grants does not matter, and none is lost."""
    together = widest(*given_)
    assert together == widest(*reversed(given_))
    for permission in {key for each in given_ for key in each}:
        assert together[permission] == max(
            (each[permission] for each in given_ if permission in each), key=SCOPES.index
        )


# What is replaced in PORTAL, what by, and how the error begins after "house.toml, line N: ", where N is
# the line of what is replaced.
MISTAKES = [
    (
        'deletion = "remove"',
        'deletion = "purge"',
        "policy.deletion must be one of remove, bin, suspend, archive, not 'p",
    ),
    ('administrators = "many"', "administrators = 1", "policy.administrators must be one of many, one, two, not 1"),
    (
        'roles_per_member = "several"',
        "roles_per_member = []",
        "policy.roles_per_member must be one of several, one, no",
    ),
    ("custom_roles = false", 'custom_roles = "no"', "policy.custom_roles must be true or false, not 'no'"),
    ("custom_roles = false", "custom_roles = 0", "policy.custom_roles must be true or false, not 0"),
    ("self_edit = []", 'self_edit = ["userName"]', "policy.self_edit must be an array of *, name, displayName"),
    ("self_edit = []", 'self_edit = "*"', "policy.self_edit must be an array of *, name, displayName"),
    ("self_edit = []", "self_edit = [{}]", "policy.self_edit must be an array of *, name, displayName"),
    (
        'name_after_creation = "editable"',
        'name_after_creation = ""',
        "policy.name_after_creation must be one of editab",
    ),
    (
        'access_on_creation = "invitation"',
        "access_on_creation = true",
        "policy.access_on_creation must be one of invit",
    ),
    (
        "invitation_days = 30",
        "invitation_days = 31",
        "policy.invitation_days must be a whole number from 1 to 30, not 31",
    ),
    (
        "invitation_days = 30",
        "invitation_days = 0",
        "policy.invitation_days must be a whole number from 1 to 30, not 0",
    ),
    (
        "invitation_days = 30",
        "invitation_days = true",
        "policy.invitation_days must be a whole number from 1 to 30, not t",
    ),
    (
        "invitation_days = 30",
        "invitation_days = 7.0",
        "policy.invitation_days must be a whole number from 1 to 30, not 7",
    ),
    ('data_scope = "assigned"', 'data_scope = "mine"', "policy.data_scope must be one of assigned, customer_groups, o"),
    (
        'languages = ["en"]',
        'languages = ["de"]',
        "policy.languages must be an array of at least 1 of en, fr, each once",
    ),
    ('languages = ["en"]', "languages = []", "policy.languages must be an array of at least 1 of en, fr, each once"),
    ('languages = ["en"]', 'languages = ["en", "en"]', "policy.languages must be an array of at least 1 of en, fr, ea"),
    ('required = ["emails"]', 'required = ["name"]', "policy.required must be an array of name.honorificPrefix, name."),
    ('channels = ["email"]', 'channels = ["fax"]', "policy.channels must be an array of at least 1 of email, sms"),
    (
        'company_email_domains = "ignore"',
        'company_email_domains = "refuse"',
        "policy.company_email_domains must be one",
    ),
    ('deletion = "remove"', 'delete = "remove"', "policy.delete is unknown; accepted here: deletion, administrators"),
    ('title = { en = "House" }', 'title = "House"', "title must be a table, not 'House'"),
    ('title = { en = "House" }', "title = {}", "title.en is missing; it must be a text"),
    ('title = { en = "House" }', 'title = { en = " " }', "title.en must be a text, not ' '"),
    ('title = { en = "House" }', 'title = { en = "House", fr = "Maison" }', "title.fr is unknown; accepted here: en"),
    ('title = { en = "House" }', 'name = { en = "House" }', "name is unknown; accepted here: title, permissions, base"),
    ('"members:read" = {', '"members:look" = {', 'permissions."members:read" is missing; every portal has members:m'),
    ('"orders:read" = {', '"Orders:read" = {', 'permissions."Orders:read" must be named noun:verb'),
    ('"orders:read" = {', "orders = {", "permissions.orders must be named noun:verb"),
    (
        '"orders:read" = "assigned"',
        '"order:read" = "assigned"',
        'base."order:read" is not in [permissions]; accepted: ',
    ),
    ('"orders:read" = "assigned"', '"orders:read" = "all"', 'base."orders:read" must be one of assigned, customer_g'),
    (
        '"orders:read" = "assigned"',
        '"orders:read" = "customer_groups"',
        "base.\"orders:read\" reaches 'customer_groups', which policy.data_scope = 'assigned' does not know; accepted: "
        "organization, assigned",
    ),
    ('"members:manage" = "organization"', '"members:manage" = "assigned"', 'roles.permissions."members:manage" must'),
    ('key = "seller"', 'key = "Seller"', "roles.key must be a key of small letters, digits and hyphens"),
    ('key = "seller"', 'key = "administrator"', "roles.key 'administrator' is taken"),
    ('key = "seller"', "key = 7", "roles.key must be a key of small letters"),
    ('name = { en = "Seller" }', 'name = { fr = "Vendeur" }', "roles.name.fr is unknown; accepted here: en"),
    ("administrator = true", 'administrator = "yes"', "roles.administrator must be true or false"),
    (
        'grants = [\n    "*",',
        'grants = [\n    "buyer",',
        "roles.grants must be an array of *, administrator, seller, each",
    ),
    ("grants = [", "rights = [", "roles.rights is unknown; accepted here: key, name, description, administrator"),
    ("max_holders = 3", "max_holders = 0", "roles.max_holders must be a whole number of at least 1, not 0"),
    ("max_holders = 3", 'grants = ["seller"]', "roles.grants must be empty: the role lacks members:manage"),
    ('key = "invoices"', 'key = ""', "contact_roles.key must be a key of small letters"),
    ("available = false", 'available = "soon"', "apps.available must be true or false"),
    (
        'permission = "orders:read"',
        'permission = "shop:open"',
        "apps.permission must be one of members:manage, members",
    ),
    ('version = "1"', "version = 1", "consents.version must be a text, not 1"),
    ('deletion = "remove"', "deletion = remove", "Invalid value (the file is not TOML)"),
    ("custom_roles = false", 'deletion = "bin"', "Cannot overwrite a value (the file is not TOML)"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_is_accepted(old: str, new: str, complaint: str) -> None:
    """Whoever writes a profile reads where to go and what to write there."""
    assert PORTAL.count(old) == 1
    line = PORTAL[: PORTAL.index(old)].count("\n") + 1
    told = refusal(PORTAL.replace(old, new))
    if complaint.startswith('permissions."members:read" is missing'):
        line = 3  # What is missing is told at the table that lacks it.
    assert told.startswith(f"house.toml, line {line}: {complaint}"), told


@pytest.mark.parametrize(
    ("edits", "place"),
    [
        ({"administrator = true\n": ""}, r"line 11: roles must hold a role with administrator = true"),
        (
            {'"members:manage" = "organization"': "", 'grants = [\n    "*",  # [[roles]]\n]\n': ""},
            r"line 20: roles\.perm",
        ),
        ({'administrators = "many"': 'administrators = "one"'}, r"line 11: roles\.max_holders must be 1"),
        (
            {'administrators = "many"': 'administrators = "two"', "administrator = true": "$&\nmax_holders = 1"},
            r"line 19: roles\.max_holders must be 2 or more",
        ),
        (
            {
                'administrators = "many"': 'administrators = "one"',
                "administrator = true": "$&\nmax_holders = 1",
                "max_holders = 3": "administrator = true\nmax_holders = 1",
                '"orders:read" = "organization"': '"members:manage" = "organization"',
            },
            r"line 11: roles must hold a single role with administrator = true",
        ),
        (
            {'data_scope = "assigned"': 'data_scope = "organization"'},
            r"line 9: base\.\"orders:read\" reaches 'assigned'",
        ),
        ({'languages = ["en"]': 'languages = ["en", "fr"]'}, r"line 4: permissions\.\"members:manage\"\.fr is missing"),
    ],
)
def test_a_contradiction_is_told_where_it_is_mended(edits: dict[str, str], place: str) -> None:
    """Two values that are fine by themselves can exclude each other."""
    text = PORTAL
    for old, new in edits.items():
        assert text.count(old) == 1
        text = text.replace(old, new.replace("$&", old))
    assert re.match(rf"house\.toml, {place}", refusal(text))


def statements() -> Iterator[tuple[int, int, str]]:
    """Yield first line, last line and text of each statement of PORTAL that is no header, counted from 0."""
    lines = PORTAL.splitlines(keepends=True)
    first = 0
    for last in range(len(lines)):
        text = "".join(lines[first : last + 1])
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        if content and not text.startswith("["):
            yield first, last, text
        first = last + 1


STATEMENTS = list(statements())


@given(st.sampled_from(STATEMENTS), st.integers(0, 3), st.sampled_from(["\n", "\r\n"]))
def test_a_value_of_another_kind_is_told_at_its_line(
    statement: tuple[int, int, str], blank_lines: int, end: str
) -> None:
    """Wherever it stands, after however many lines, and with the line ends of any system."""
    first, last, text = statement
    lines = PORTAL.splitlines()
    key = text.partition(" = ")[0]
    broken = [*["# A comment"] * blank_lines, *lines[:first], f"{key} = 1979-05-27", *lines[last + 1 :]]
    assert refusal(end.join(broken)).startswith(f"house.toml, line {first + 1 + blank_lines}: ")


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: f"line-{statement[0] + 1}")
def test_what_is_missing_is_named(statement: tuple[int, int, str]) -> None:
    """Every key is needed, but for those that say they are not: nothing is read into what was forgotten."""
    first, last, text = statement
    lines = PORTAL.splitlines(keepends=True)
    key = text.partition(" = ")[0]
    shorter = "".join((*lines[:first], *lines[last + 1 :]))
    if key in ("grants", "max_holders") or (key == '"orders:read"' and "{" not in text):
        read_portal_profile("house", shorter)
    elif key == "description.en":
        assert "roles.description is missing; it must be a table" in refusal(shorter)
    elif key == "administrator":
        assert "must hold a role with administrator = true" in refusal(shorter)
    elif key.startswith('"'):
        assert key.strip('"') in refusal(shorter)
    else:
        assert re.match(rf"house\.toml, line \d+: [a-z_.]*{key} is missing; it must be ", refusal(shorter))


@pytest.mark.parametrize("table", ["permissions", "base", "policy"])
def test_a_table_that_is_missing_is_named(table: str) -> None:
    """An empty [base] is written as such: that members may do nothing is said, not forgotten."""
    shorter = re.sub(rf"\[{table}\]\n(?:.+\n)*", "", PORTAL)
    assert refusal(shorter) == f"house.toml, line 1: {table} is missing; it must be a table"


@pytest.mark.parametrize("text", ["", "\n", "title", 'title = """', "[[roles]]\n[roles]", "roles = 1", "roles = [1]"])
def test_what_is_no_profile_is_refused_with_a_line(text: str) -> None:
    """An empty file, half a line, a text without an end."""
    assert re.match(r"house\.toml, line [12]: ", refusal(text))


@pytest.mark.parametrize("name", ["", "House", "my house", "1house", "house.old"])
def test_a_profile_has_a_name_that_commands_can_take(name: str) -> None:
    """The file's name is what an organization refers to."""
    with pytest.raises(PortalProfileError, match=rf"^{name}\.toml: the name before \.toml must be"):
        read_portal_profile(name, PORTAL)


def documented(heading: str) -> dict[str, list[list[str]]]:
    """Return the rows of the table under a heading of docs/portals.md that starts with `Switch`, by their first cell.

    A cell is the words in it that are written as code; or its text, where there are none.
    """
    section = (ROOT / "docs" / "portals.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    table = section[section.index("| Switch") :].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (table[0], *table[2:])]
    return {row[0].strip("`"): [re.findall(r"`([^`]+)`", cell) or [cell] for cell in row[1:]] for row in rows}


def test_the_documentation_names_every_switch_and_what_it_accepts() -> None:
    """What an error says is accepted is what the page says."""
    told = documented("The switches")
    assert told.pop("Switch")
    assert told.keys() == tomllib.loads(PORTAL)["policy"].keys()
    for switch, (accepted, *_) in told.items():
        message = refusal(re.sub(rf"\n{switch} = .*", f"\n{switch} = 99", PORTAL))
        named = re.search(
            r"must be (?:one of |an array (?:of at least 1 )?of |a whole number from )?(.*), not 99", message
        )
        assert named
        words = named[1].removesuffix(", each once").replace("true or false", "true, false").split(", ")
        assert words == accepted, switch


def test_the_documentation_says_what_each_preset_says() -> None:
    """Each cell of the table is the value in the file."""
    told = documented("What the presets say")
    names = [name for (name,) in told.pop("Switch")]
    assert sorted(names) == sorted(PORTALS)
    assert [[*PORTALS[name].roles] for name in names] == told.pop("[[roles]]")
    for switch, cells in told.items():
        for name, cell in zip(names, cells, strict=True):
            value = tomllib.loads(TEXTS[name])["policy"][switch]
            written = value if isinstance(value, list) else [str(value).lower()]
            assert cell == (written or ["none"]), (switch, name)
    assert told.keys() == tomllib.loads(PORTAL)["policy"].keys()
