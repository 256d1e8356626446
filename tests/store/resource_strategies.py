"""Random directories and random filters over them, drawn from the schemas themselves."""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
from scim2_models import ScimPolicy, default_comparison_key
from sqlalchemy import Connection, insert

from scim_server.protocol.catalog import AttributeDefinition, Attributes, Catalog, ResourceDefinition, build_catalog
from scim_server.protocol.comparison import attribute_key, comparison_key, fold_document, user_name_key
from scim_server.protocol.documents import display_of, with_schemas
from scim_server.protocol.profiles import PROFILES
from scim_server.store import session
from scim_server.store.emails import email_rows
from scim_server.store.session import Actor, Tenant
from scim_server.store.tables import emails, memberships, organizations, resources
from tests.protocol.devices import shipped_files

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether to draw many more examples, which takes minutes."""

EXTENSION = "urn:example:params:scim:schemas:extension:every.type:2.0:User"
DEVICE = "urn:example:params:scim:schemas:core:2.0:Device"
NOW = datetime(2026, 1, 31, 8, 0, 0, 123_000, tzinfo=UTC)


def _attribute(name: str, kind: str, *subs: dict[str, Any], **more: Any) -> dict[str, Any]:
    declared = {"name": name, "type": kind, "multiValued": False, "required": False, **more}
    return {**declared, "subAttributes": list(subs)} if subs else declared


_EVERY_TYPE = [
    _attribute("level", "integer"),
    _attribute("score", "decimal"),
    _attribute("seenAt", "dateTime"),
    _attribute("blob", "binary"),
    _attribute("flag", "boolean"),
    _attribute("peer", "reference", referenceTypes=["User"]),
    _attribute("code", "string", caseExact=True),
    _attribute("tags", "string", multiValued=True),
    _attribute("codes", "string", multiValued=True, caseExact=True),
    _attribute("levels", "integer", multiValued=True),
    _attribute("scores", "decimal", multiValued=True),
    _attribute("flags", "boolean", multiValued=True),
    _attribute("moments", "dateTime", multiValued=True),
    _attribute("blobs", "binary", multiValued=True),
    _attribute("profile", "complex", _attribute("label", "string"), _attribute("tags", "string", multiValued=True)),
    _attribute(
        "places",
        "complex",
        _attribute("city", "string"),
        _attribute("rank", "integer"),
        _attribute("weight", "decimal"),
        _attribute("since", "dateTime"),
        _attribute("primary", "boolean"),
        _attribute("tags", "string", multiValued=True),
        multiValued=True,
    ),
]

_DEVICE = [
    _attribute("serial", "string", caseExact=True, uniqueness="server", required=True),
    # The names User and Group compute are a custom resource type's own.
    _attribute("active", "string"),
    _attribute("members", "complex", _attribute("value", "string"), _attribute("$ref", "string"), multiValued=True),
    _attribute("groups", "complex", _attribute("value", "string"), _attribute("type", "string"), multiValued=True),
]


def _schema(urn: str, name: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    kind = "urn:ietf:params:scim:schemas:core:2.0:Schema"
    return {"schemas": [kind], "id": urn, "name": name, "attributes": attributes}


def every_type_catalog() -> Catalog:
    """Return the shipped catalog with an extension that has every type, and a resource type of its own."""
    device = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "Device",
        "name": "Device",
        "endpoint": "/Devices",
        "schema": DEVICE,
    }
    return build_catalog(
        [
            *shipped_files(),
            ("EveryType.json", _schema(EXTENSION, "EveryType", _EVERY_TYPE)),
            ("Device.json", _schema(DEVICE, "Device", _DEVICE)),
            ("Device.resource-type.json", device),
        ]
    )


CATALOG = every_type_catalog()
USER, GROUP, DEVICES = (CATALOG.by_name(name) for name in ("User", "Group", "Device"))


# Values: few, so that filters meet them, and awkward, so that they meet every difference between
# a database's comparisons and ours.

TEXTS = [
    "", "a", "A", "ab", "aB", "b", "work", "WORK", "home", " ", "a%", "%", "_", "a_b", "a\\b", "\\", "'", '"',
    "İ", "i̇", "ı", "I", "i", "Σ", "σ", "ς", "ΑΣ", "ß", "ẞ", "ss", "SS", "K", "k", "K", "É", "é", "e\u0301",
    "E\u0301", "\u0301", "Ω", "ω", "Ω", "\ufffd", "\uffff", "😀", "𐐀", "𐐨", "ab😀", "*", "[a]", "?", "10", "9", "true",
    "null", "{}", "2026-01-31T08:00:00Z", "User", "user", "direct", "indirect", 'W/"1"', "W/\"2\"",
]  # fmt: skip
INTEGERS = [0, 1, -1, 2, 9, 10, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
DECIMALS = [
    0, 1, -1, 2, 0.0, 1.0, 1.5, 0.1, 0.30000000000000004, 0.3, 1e22, 1e23, 1e-7, 5e-324, 1.7976931348623157e308,
    -2.5, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 9007199254740993.0, 123456789012345680.0, 8.41e21, 9.5e-8,
    7.67980653766719e47, 2.8579555433078e-301,
]  # fmt: skip
MOMENTS = [
    "2026-01-31T08:00:00Z",
    "2026-01-31T09:00:00+01:00",
    "2026-01-31T08:00:00.123Z",
    "2026-01-31T02:30:00.123-05:30",
    "2026-01-31T08:00:00.123456Z",
    "2026-01-31T08:00:01Z",
    "1970-01-01T00:00:00Z",
    "0999-12-31T23:59:59-01:00",
    "9999-12-31T00:00:00Z",
]
BINARIES = [base64.b64encode(each).decode() for each in (b"", b"\x00", b"a", b"A", b"\xff\xfe", b"abc", b"ABC" * 9)]

_POOLS: Mapping[str, Sequence[Any]] = {
    "string": TEXTS,
    "reference": TEXTS,
    "boolean": [True, False],
    "integer": INTEGERS,
    "decimal": DECIMALS,
    "dateTime": MOMENTS,
    "binary": BINARIES,
}


def plain_value(random: Random, kind: str) -> Any:
    """Return a value of a type as documents hold it."""
    if random.random() < 0.8 or kind in ("boolean", "dateTime", "binary"):
        return random.choice(_POOLS[kind])
    if kind == "integer":
        return random.randrange(-(2**63), 2**63)
    if kind == "decimal":
        return random.choice(
            [random.random(), random.gauss(0, 1e9), random.randrange(2**64) / 10 ** random.randrange(19)]
        )
    return "".join(chr(_code_point(random)) for _ in range(random.randrange(4)))


def _code_point(random: Random) -> int:
    number = random.choice([random.randrange(1, 0x100), random.randrange(1, 0x2FFF), random.randrange(1, 0x110000)])
    return 0x41 if 0xD800 <= number <= 0xDFFF else number


def attribute_value(random: Random, attribute: AttributeDefinition) -> Any:
    """Return a value of an attribute as documents hold it: never null, never empty."""

    def element() -> Any:
        if attribute.is_complex:
            return complex_value(random, attribute.sub_attributes)
        return plain_value(random, attribute.type)

    if not attribute.multi_valued:
        return element()
    return _one_primary([element() for _ in range(random.choice([1, 1, 2, 3]))])


def _one_primary(elements: list[Any]) -> list[Any]:
    seen = False
    for element in elements:
        if isinstance(element, dict) and element.get("primary") is True:
            element["primary"] = not seen
            seen = True
    return elements


def complex_value(random: Random, attributes: Attributes) -> dict[str, Any]:
    """Return a complex value with some of its sub-attributes, one at least."""
    some = random.sample(list(attributes.values()), random.randint(1, min(4, len(attributes))))
    return {each.name: attribute_value(random, each) for each in some}


def random_document(random: Random, definition: ResourceDefinition) -> dict[str, Any]:
    """Return a document of a resource type as it is stored."""
    left_out = {"schemas", "id", "meta", "password"}
    if definition.has_active:
        left_out.add("active")
    left_out |= {"groups"} if definition.is_user else {"members"} if definition.is_group else set()
    declared = [each for each in definition.attributes.values() if each.name not in left_out]
    document = {each.name: attribute_value(random, each) for each in declared if random.random() < 0.3}
    for extension in definition.extensions.values():
        if random.random() < 0.6:
            document[extension.urn] = complex_value(random, extension.attributes)
    assert definition.unique_attribute is not None
    document[definition.unique_attribute.name] = plain_value(random, "string")
    return with_schemas(document, definition)


@dataclass
class Entry:
    """A resource of a random directory."""

    id: str
    definition: ResourceDefinition
    document: dict[str, Any]
    namespace: str = ""
    active: bool | None = None
    version: int = 1
    created_at: datetime = NOW
    modified_at: datetime = NOW

    def full(self, directory: "Directory", tenant: Tenant) -> dict[str, Any]:
        """Return the resource as it is answered."""
        document = {**self.document, "id": self.id, "meta": self._meta()}
        if self.active is not None:
            document["active"] = self.active
        groups, members = directory.groups_of(self, tenant), directory.members_of(self)
        return document | ({"groups": groups} if groups else {}) | ({"members": members} if members else {})

    def _meta(self) -> dict[str, Any]:
        return {
            "resourceType": self.definition.name,
            "created": self.created_at.isoformat(),
            "lastModified": self.modified_at.isoformat(),
            "location": f"https://example.com/scim/v2{self.definition.endpoint}/{self.id}",
            "version": f'W/"{self.version}"',
        }

    def as_member(self) -> dict[str, Any]:
        """Return the resource as an element of ``members``."""
        display = display_of(self.document, self.definition) or self.id
        return {"value": self.id, "type": self.definition.name, "display": display}

    def row(self, org_id: str) -> dict[str, Any]:
        """Return the resource as it is stored."""
        unique, external_id = self.definition.unique_attribute, self.document.get("externalId")
        assert unique is not None
        return {
            "org_id": org_id,
            "id": self.id,
            "resource_type": self.definition.name,
            "namespace": self.namespace,
            "unique_key": attribute_key(self.document[unique.name], unique),
            "external_id": None if external_id is None else comparison_key(external_id, case_exact=True),
            "active": self.active,
            "document": orjson.dumps(self.document).decode(),
            "folded": fold_document(self.document, self.definition),
            "version": self.version,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
        }


@dataclass
class Directory:
    """The resources of an organization and who is a member of what."""

    entries: list[Entry]
    memberships: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of the ids of a group and of its member."""

    def entry(self, resource_id: str) -> Entry:
        return next(each for each in self.entries if each.id == resource_id)

    def of(self, definition: ResourceDefinition) -> list[Entry]:
        return [each for each in self.entries if each.definition is definition]

    def members_of(self, group: Entry) -> list[dict[str, Any]]:
        ids = sorted(member for group_id, member in self.memberships if group_id == group.id)
        return [self.entry(each).as_member() for each in ids]

    def groups_of(self, user: Entry, tenant: Tenant) -> list[dict[str, Any]]:
        """Return what ``groups`` shows, walked without SQL."""
        if not user.definition.is_user:
            return []
        direct = self._seen_above(user.id, tenant)
        found, waiting = set(direct), list(direct)
        while waiting:
            for above in self._seen_above(waiting.pop(), tenant):
                if above not in found:
                    found.add(above)
                    waiting.append(above)
        return [
            {
                "value": each,
                "display": self.entry(each).document["displayName"],
                "type": "direct" if each in direct else "indirect",
            }
            for each in sorted(found)
        ]

    def _seen_above(self, member_id: str, tenant: Tenant) -> list[str]:
        above = [group_id for group_id, member in self.memberships if member == member_id]
        if tenant.connection_id is None:
            return above
        return [each for each in above if self.entry(each).namespace == tenant.connection_id]

    def store(self, db: Connection, org_id: str) -> None:
        show_rows(db, org_id)
        db.execute(insert(organizations).values(id=org_id, slug=org_id, name=org_id, status="active", created_at=NOW))
        if self.entries:
            rows = [each.row(org_id) for each in self.entries]
            db.execute(insert(resources), rows)
            addresses = [email_row for row in rows for email_row in email_rows(row)]
            if addresses:
                db.execute(insert(emails), addresses)
        if self.memberships:
            rows = [{"org_id": org_id, "group_id": group, "member_id": member} for group, member in self.memberships]
            db.execute(insert(memberships), rows)


def show_rows(db: Connection, org_id: str) -> None:
    """Have row-level security show the rows of an organization on a connection, as :func:`session.begin` does."""
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("SELECT set_config('app.org', %s, false)", (org_id,))


def _scim2_models_key(binding: Any, value: str) -> str:
    if binding.urn == f"{USER.urn}:userName":
        return user_name_key(value)
    return default_comparison_key(binding, value)


POLICY = ScimPolicy(comparison_key=_scim2_models_key)
"""The policy under which scim2-models compares as we do: userName is prepared as RFC 8265 has it."""


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Have a transaction that is rolled back."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def tenant_of(db: Connection, org_id: str, connection_id: str | None = None, catalog: Catalog = CATALOG) -> Tenant:
    """Return a tenant as :func:`session.begin` makes it, in a transaction the test rolls back."""
    show_rows(db, org_id)
    connection = session.Connection(connection_id, "c", PROFILES["lenient"]) if connection_id else None
    return Tenant(db=db, org_id=org_id, actor=Actor("token", "t", connection), now=NOW, catalog=catalog)


def random_directory(random: Random, max_size: int = 12) -> Directory:
    """Return a directory with groups nested and in cycles."""
    entries: list[Entry] = []
    taken: set[tuple[str, str]] = set()
    for number in range(random.randint(1, max_size)):
        definition = random.choice([USER, USER, USER, GROUP, GROUP, DEVICES])
        document = random_document(random, definition)
        unique = definition.unique_attribute
        assert unique is not None
        key = attribute_key(document[unique.name], unique)
        if (definition.name, key) in taken or not key:
            document[unique.name] += f"-{number}"
        taken.add((definition.name, attribute_key(document[unique.name], unique)))
        entries.append(
            Entry(
                f"{definition.name.lower()}-{number:02}",
                definition,
                document,
                random.choice(["c1", "c1", "c2"]) if definition is GROUP else "",
                random.choice([True, False, None]) if definition.has_active else None,
                random.choice([1, 2, 9, 10]),
                NOW + timedelta(minutes=random.choice(_MINUTES)),
                NOW + timedelta(minutes=random.choice(_MINUTES)),
            )
        )
    groups = [each.id for each in entries if each.definition is GROUP]
    members = [each.id for each in entries if each.definition is not DEVICES]
    pairs = {(random.choice(groups), random.choice(members)) for _ in range(random.randrange(16))} if groups else set()
    return Directory(entries, sorted(pairs))


_MINUTES = (0, 1, -30, 60, -100_000, 14_000_000)

# Filters, as text.

_EQUALITY = ["eq", "ne"]
_ALL = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
_REFUSED = {("password", None), ("meta", "location"), ("members", "$ref"), ("groups", "$ref")}


def paths_of(definition: ResourceDefinition) -> list[tuple[str, AttributeDefinition, AttributeDefinition | None]]:
    """Return every attribute path that can be filtered on, with what it names."""
    found: list[tuple[str, AttributeDefinition, AttributeDefinition | None]] = []
    groups = [("", definition.attributes)] + [(f"{e.urn}:", e.attributes) for e in definition.extensions.values()]
    for prefix, attributes in groups:
        for each in attributes.values():
            for sub in (None, *each.sub_attributes.values()):
                relational = definition is not DEVICES or each.name == "meta"
                if prefix or not relational or (each.name, sub and sub.name) not in _REFUSED:
                    found.append((f"{prefix}{each.name}" + (f".{sub.name}" if sub else ""), each, sub))
    return found


def operand(random: Random, attribute: AttributeDefinition, *, exact: bool = False) -> str:
    """Return an operand an attribute takes, as JSON; ``exact`` leaves out those read as another type."""
    if random.random() < 0.15:
        return "null"
    if attribute.is_complex:
        return json.dumps(random.choice(TEXTS))
    if attribute.type in _LOOSE and not exact and random.random() < 0.2:
        return random.choice(_LOOSE[attribute.type])
    if attribute.name in ("value", "id") and attribute.type == "string" and random.random() < 0.5:
        return json.dumps(f"{random.choice(['user', 'group'])}-{random.randrange(12):02}")
    if attribute.name == "type" and random.random() < 0.5:
        return json.dumps(random.choice(["direct", "INDIRECT", "User", "group", "work"]))
    value = plain_value(random, attribute.type)
    # NB: scim2-models compares a plain decimal between brackets with the integer as it stands.
    return json.dumps(float(value) if exact and attribute.type == "decimal" else value)


_LOOSE = {
    "integer": ["5.0", '"2"', "true", "9223372036854775808", "-9223372036854775809", "1" + "0" * 400],
    "decimal": ['"1.5"', "1e308", "true", '"inf"', '"-inf"', '"nan"', "1e2"],
    "boolean": ['"true"', "1", "0", '"False"'],
}


def _comparison(random: Random, path: str, attribute: AttributeDefinition, exact: bool = False) -> str:
    """Return a comparison or presence test of a path."""
    if random.random() < 0.15:
        return f"{path} pr"
    op = random.choice(_EQUALITY if attribute.type in ("boolean", "binary") else _EQUALITY + _ALL)
    if not exact and op in ("co", "sw", "ew") and random.random() < 0.1:
        return f"{path} {op} 5"
    return f"{path} {op} {operand(random, attribute, exact=exact)}"


def _compared(attribute: AttributeDefinition, sub: AttributeDefinition | None) -> AttributeDefinition:
    if sub is None and attribute.multi_valued:
        return attribute.sub_attributes.get("value", attribute)
    return sub or attribute


def random_value_path(
    random: Random, path: str, attribute: AttributeDefinition, definition: ResourceDefinition, *, entra: bool = True
) -> str:
    """Return a value selection; ``entra`` also in the form Microsoft Entra ID goes on with past the brackets."""
    subs = [
        each
        for each in attribute.sub_attributes.values()
        if definition is DEVICES or (attribute.name, each.name) not in _REFUSED
    ]

    def inner() -> str:
        if not attribute.is_complex:
            return _comparison(random, "value", attribute, exact=True)
        sub = random.choice(subs)
        return _comparison(random, sub.name, sub)

    text = inner()
    for _ in range(random.randrange(3)):
        form = random.choice(["{0} and {1}", "{0} or {1}", "not ({0}) and {1}", "({0} or {1})"])
        text = form.format(text, inner())
    if entra and attribute.is_complex and random.random() < 0.3:
        # emails[type eq "work"].value eq "x"
        return f"{path}[{text}].{inner()}"
    return f"{path}[{text}]"


def _term(random: Random, definition: ResourceDefinition) -> str:
    path, attribute, sub = random.choice(_PATHS[definition.name])
    if random.random() < 0.1:
        path = path.upper()
    if not path.lower().startswith("urn:") and random.random() < 0.1:
        path = f"{definition.urn}:{path}"
    # NB: scim2-models compares a plain dateTime or binary value with the text of the filter.
    selects = sub is None and attribute.multi_valued and attribute.type not in ("dateTime", "binary")
    if selects and random.random() < 0.6:
        return random_value_path(random, path, attribute, definition)
    return _comparison(random, path, _compared(attribute, sub))


_PATHS = {definition.name: paths_of(definition) for definition in (USER, GROUP, DEVICES)}


def random_filter(random: Random, definition: ResourceDefinition) -> str:
    """Return a filter that a server answers for a resource type."""
    text = _term(random, definition)
    for _ in range(random.randrange(4)):
        form = random.choice(["{0} and {1}", "{0} or {1}", "not ({0})", "({0}) and not ({1})", "{1} or ({0})"])
        text = form.format(text, _term(random, definition))
    return text
