"""Random directories and random filters over them, drawn from the schemas themselves."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from scim_server.protocol.catalog import AttributeDefinition, Attributes, Catalog, ResourceDefinition, build_catalog
from scim_server.protocol.comparison import comparison_key, fold_document
from scim_server.protocol.documents import with_schemas
from scim_server.protocol.profiles import PROFILES
from scim_server.store import session
from scim_server.store.session import Actor, Tenant
from scim_server.store.tables import memberships, organizations, resources

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
    shipped = sorted(Path(__file__).parents[2].joinpath("schemas").glob("*.json"))
    device = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "Device",
        "name": "Device",
        "endpoint": "/Devices",
        "schema": DEVICE,
    }
    return build_catalog(
        [
            *((path.name, json.loads(path.read_text())) for path in shipped),
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

_characters = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)


def plain_values(kind: str) -> st.SearchStrategy[Any]:
    """Return values of a type as documents hold them."""
    pooled = st.sampled_from(_POOLS[kind])
    if kind in ("string", "reference"):
        return st.one_of(pooled, pooled, _characters)
    if kind == "integer":
        return st.one_of(pooled, st.integers(-(2**63), 2**63 - 1))
    if kind == "decimal":
        return st.one_of(pooled, st.floats(allow_nan=False, allow_infinity=False))
    return pooled


def attribute_values(attribute: AttributeDefinition) -> st.SearchStrategy[Any]:
    """Return values of an attribute as documents hold them: never null, never empty."""
    element = complex_values(attribute.sub_attributes) if attribute.is_complex else plain_values(attribute.type)
    if not attribute.multi_valued:
        return element
    return st.lists(element, min_size=1, max_size=3).map(_one_primary)


def _one_primary(elements: list[Any]) -> list[Any]:
    seen = False
    for element in elements:
        if isinstance(element, dict) and element.get("primary") is True:
            element["primary"] = not seen
            seen = True
    return elements


def complex_values(attributes: Attributes) -> st.SearchStrategy[dict[str, Any]]:
    """Return complex values with one of their sub-attributes at least."""
    optional = {each.name: attribute_values(each) for each in attributes.values()}
    return st.fixed_dictionaries({}, optional=optional).filter(bool)


def documents(definition: ResourceDefinition) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents of a resource type as they are stored."""
    computed = {"schemas", "id", "meta", "password"}
    if definition.has_active:
        computed.add("active")
    computed |= {"groups"} if definition.is_user else {"members"} if definition.is_group else set()
    optional = {
        each.name: attribute_values(each) for each in definition.attributes.values() if each.name not in computed
    }
    optional |= {each.urn: complex_values(each.attributes) for each in definition.extensions.values()}
    required = {definition.unique_attribute.name: plain_values("string")} if definition.unique_attribute else {}
    return _some_of(required, optional).map(lambda document: with_schemas(document, definition))


@st.composite
def _some_of(
    draw: st.DrawFn, required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> dict[str, Any]:
    # A handful of attributes each: drawing every one of them takes long and finds nothing more.
    names = draw(st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=6))
    return {name: draw(each) for name, each in (required | {name: optional[name] for name in names}).items()}


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

    def row(self, org_id: str) -> dict[str, Any]:
        """Return the resource as it is stored."""
        unique, external_id = self.definition.unique_attribute, self.document.get("externalId")
        assert unique is not None
        return {
            "org_id": org_id,
            "id": self.id,
            "resource_type": self.definition.name,
            "namespace": self.namespace,
            "unique_key": comparison_key(self.document[unique.name], case_exact=unique.case_exact),
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
        return [{"value": each, "type": self.entry(each).definition.name} for each in ids]

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
        db.execute(
            insert(organizations).values(id=org_id, slug=org_id, name=org_id, status="active", created_at=NOW)
        )
        if self.entries:
            db.execute(insert(resources), [each.row(org_id) for each in self.entries])
        if self.memberships:
            rows = [{"org_id": org_id, "group_id": group, "member_id": member} for group, member in self.memberships]
            db.execute(insert(memberships), rows)


def tenant_of(db: Connection, org_id: str, connection_id: str | None = None, catalog: Catalog = CATALOG) -> Tenant:
    """Return a tenant as :func:`session.begin` makes it, in a transaction the test rolls back."""
    connection = session.Connection(connection_id, "c", PROFILES["lenient"]) if connection_id else None
    return Tenant(db=db, org_id=org_id, actor=Actor("token", "t", connection), now=NOW, catalog=catalog)


_DOCUMENTS = {definition.name: documents(definition) for definition in (USER, GROUP, DEVICES)}
_moments = st.builds(
    lambda minutes: NOW + timedelta(minutes=minutes), st.sampled_from([0, 1, -30, 60, -100_000, 14_000_000])
)


@st.composite
def directories(draw: st.DrawFn, max_size: int = 10) -> Directory:
    """Return random directories, with groups nested and in cycles."""
    entries: list[Entry] = []
    taken: set[tuple[str, str]] = set()
    kinds = st.sampled_from([USER, USER, USER, GROUP, GROUP, DEVICES])
    for number, definition in enumerate(draw(st.lists(kinds, min_size=1, max_size=max_size))):
        document = draw(_DOCUMENTS[definition.name])
        unique = definition.unique_attribute
        assert unique is not None
        key = comparison_key(document[unique.name], case_exact=unique.case_exact)
        if (definition.name, key) in taken or not key:
            document[unique.name] += f"-{number}"
        taken.add((definition.name, comparison_key(document[unique.name], case_exact=unique.case_exact)))
        entries.append(
            Entry(
                f"{definition.name.lower()}-{number:02}",
                definition,
                document,
                draw(st.sampled_from(["c1", "c1", "c2"])) if definition is GROUP else "",
                draw(st.sampled_from([True, False, None])) if definition.has_active else None,
                draw(st.sampled_from([1, 2, 9, 10])),
                draw(_moments),
                draw(_moments),
            )
        )
    groups = [each.id for each in entries if each.definition is GROUP]
    members = [each.id for each in entries if each.definition is not DEVICES]
    pairs = st.tuples(st.sampled_from(groups), st.sampled_from(members)) if groups else st.nothing()
    return Directory(entries, draw(st.lists(pairs, unique=True, max_size=12)) if groups else [])


# Filters, as text.

_EQUALITY = ["eq", "ne"]
_ALL = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
_REFUSED = {("password", None), ("meta", "location"), ("members", "$ref"), ("groups", "$ref")}
IDS = [f"{kind}-{number:02}" for kind in ("user", "group") for number in range(8)]


def paths_of(definition: ResourceDefinition) -> list[tuple[str, AttributeDefinition, AttributeDefinition | None]]:
    """Return every attribute path that can be filtered on, with what it names."""
    found: list[tuple[str, AttributeDefinition, AttributeDefinition | None]] = []
    groups = [("", definition.attributes)] + [(f"{e.urn}:", e.attributes) for e in definition.extensions.values()]
    for prefix, attributes in groups:
        for each in attributes.values():
            for sub in (None, *each.sub_attributes.values()):
                if prefix or definition is DEVICES or (each.name, sub and sub.name) not in _REFUSED:
                    found.append((f"{prefix}{each.name}" + (f".{sub.name}" if sub else ""), each, sub))
    return found


def operands(attribute: AttributeDefinition, *, exact: bool = False) -> st.SearchStrategy[str]:
    """Return operands an attribute takes, as JSON; ``exact`` leaves out those read as another type."""
    null = st.just("null")
    if attribute.is_complex:
        return st.one_of(null, st.sampled_from(TEXTS).map(json.dumps))
    values = plain_values(attribute.type).map(json.dumps)
    if attribute.name in ("value", "id"):
        values = st.one_of(values, st.sampled_from(IDS).map(json.dumps))
    choices = [values, values, values, null]
    if not exact:
        loose = {
            "integer": ["5.0", '"2"', "true", "9223372036854775808", "-9223372036854775809", "1" + "0" * 400],
            "decimal": ['"1.5"', "1e308", "true", '"inf"', '"-inf"', '"nan"', "1e2"],
            "boolean": ['"true"', "1", "0", '"False"'],
        }
        choices += [st.sampled_from(loose[attribute.type])] if attribute.type in loose else []
    return st.one_of(choices)


@st.composite
def _comparisons(draw: st.DrawFn, path: str, attribute: AttributeDefinition, exact: bool = False) -> str:
    """Return a comparison or presence test of a path."""
    if draw(st.integers(0, 7)) == 0:
        return f"{path} pr"
    equality_only = attribute.type in ("boolean", "binary") or attribute.write_only
    op = draw(st.sampled_from(_EQUALITY if equality_only else _EQUALITY + _ALL))
    if not exact and op in ("co", "sw", "ew") and draw(st.integers(0, 9)) == 0:
        return f"{path} {op} 5"
    return f"{path} {op} {draw(operands(attribute, exact=exact))}"


def _compared(attribute: AttributeDefinition, sub: AttributeDefinition | None) -> AttributeDefinition:
    if sub is None and attribute.multi_valued:
        return attribute.sub_attributes.get("value", attribute)
    return sub or attribute


@st.composite
def _value_paths(draw: st.DrawFn, path: str, attribute: AttributeDefinition) -> str:
    subs = [each for each in attribute.sub_attributes.values() if path not in ("members", "groups") or each.name != "$ref"]

    def inner() -> str:
        if not attribute.is_complex:
            return draw(_comparisons("value", attribute, exact=True))
        sub = draw(st.sampled_from(subs))
        return draw(_comparisons(sub.name, sub))

    text = inner()
    for _ in range(draw(st.integers(0, 2))):
        form = draw(st.sampled_from(["{0} and {1}", "{0} or {1}", "not ({0}) and {1}", "({0} or {1})"]))
        text = form.format(text, inner())
    if attribute.is_complex and draw(st.booleans()):
        # Microsoft Entra ID: emails[type eq "work"].value eq "x".
        return f"{path}[{text}]." + inner() if not text.startswith("not") else f"{path}[{text}]"
    return f"{path}[{text}]"


@st.composite
def _terms(draw: st.DrawFn, definition: ResourceDefinition) -> str:
    path, attribute, sub = draw(st.sampled_from(_PATHS[definition.name]))
    if draw(st.integers(0, 9)) == 0:
        path = path.upper()
    if not path.lower().startswith("urn:") and draw(st.integers(0, 9)) == 0:
        path = f"{definition.urn}:{path}"
    # NB: scim2-models compares a plain dateTime or binary value with the text of the filter.
    selects = sub is None and attribute.multi_valued and attribute.type not in ("dateTime", "binary")
    if selects and draw(st.booleans()):
        return draw(_value_paths(path, attribute))
    return draw(_comparisons(path, _compared(attribute, sub)))


_PATHS = {definition.name: paths_of(definition) for definition in (USER, GROUP, DEVICES)}


@st.composite
def filters(draw: st.DrawFn, definition: ResourceDefinition) -> str:
    """Return filters that a server answers for a resource type."""
    text = draw(_terms(definition))
    for _ in range(draw(st.integers(0, 3))):
        form = draw(st.sampled_from(["{0} and {1}", "{0} or {1}", "not ({0})", "({0}) and not ({1})", "{1} or ({0})"]))
        text = form.format(text, draw(_terms(definition)))
    return text
