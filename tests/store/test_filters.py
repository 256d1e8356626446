"""Filters (RFC 7644 §3.4.2.2) as SQL, on both databases, held to the evaluator of scim2-models."""

import re
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, Path, ScimFilter
from sqlalchemy import Connection, and_, create_engine, not_, select, update

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import WHOLE
from scim_server.protocol.queries import Query
from scim_server.store.filters import filter_condition, member_condition
from scim_server.store.search import search_resources
from scim_server.store.session import Tenant, open_store
from scim_server.store.tables import resources
from tests.databases import Database
from tests.statements import recorded
from tests.store.resource_strategies import (
    CATALOG,
    DEVICES,
    EXTENSION,
    GROUP,
    LONG,
    POLICY,
    USER,
    Directory,
    Entry,
    paths_of,
    random_directory,
    random_filter,
    tenant_of,
    undone,
)

PER_ROUND = 20
"""How many filters the resources of a type are asked, in one statement."""


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[Connection]:
    """A connection whose transactions the tests roll back."""
    store = open_store(database.app_url, CATALOG)
    with store.pool.open() as db:
        yield db
    store.close()


@pytest.fixture
def db(connection: Connection) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back."""
    with undone(connection):
        yield connection


def selected(tenant: Tenant, text: str, definition: ResourceDefinition) -> list[str]:
    """Return the ids a filter selects."""
    return list(
        tenant.db.scalars(
            select(resources.c.id)
            .where(
                resources.c.org_id == tenant.org_id,
                resources.c.resource_type == definition.name,
                filter_condition(tenant, text, definition),
            )
            .order_by(resources.c.id)
        )
    )


def selected_by_evaluator(
    tenant: Tenant, texts: list[str], definition: ResourceDefinition, directory: Directory
) -> list[list[str]]:
    entries = sorted(directory.of(definition), key=lambda each: each.id)
    models = [(each.id, definition.model.model_validate(each.full(directory, tenant))) for each in entries]
    bound = ScimFilter[definition.model]  # type: ignore[name-defined]
    with POLICY:
        return [[found for found, model in models if bound(text).match(model, strict=True)] for text in texts]


@given(random=st.randoms(use_true_random=True), connection_id=st.sampled_from([None, "c1"]))
@settings(
    max_examples=1_000 if LONG else 15,
    deadline=None,
    # A failure names one filter and one resource by itself, and a smaller seed is no smaller directory.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_sql_selects_what_the_evaluator_selects(
    connection: Connection, random: Random, connection_id: str | None
) -> None:
    """Every condition is true where scim2-models matches and false, never NULL, elsewhere."""
    directory = random_directory(random)
    with undone(connection):
        directory.store(connection, "random")
        tenant = tenant_of(connection, "random", connection_id)
        for definition in (USER, GROUP, DEVICES):
            if directory.of(definition):
                texts = [random_filter(random, definition) for _ in range(PER_ROUND)]
                _compare_with_evaluator(tenant, texts, definition, directory)


def _compare_with_evaluator(
    tenant: Tenant, texts: list[str], definition: ResourceDefinition, directory: Directory
) -> None:
    expected = selected_by_evaluator(tenant, texts, definition, directory)
    conditions = [filter_condition(tenant, text, definition) for text in texts]
    rows = tenant.db.execute(
        select(resources.c.id, *(each.label(f"f{number}") for number, each in enumerate(conditions)))
        .where(resources.c.org_id == tenant.org_id, resources.c.resource_type == definition.name)
        .order_by(resources.c.id)
    ).all()
    for number, text in enumerate(texts):
        for row in rows:
            # NB: SQLite answers 0 and 1, neither of which is NULL.
            if row[number + 1] is None or bool(row[number + 1]) != (row.id in expected[number]):
                shown = directory.entry(row.id).full(directory, tenant)
                pytest.fail(f"{text!r} is {row[number + 1]} in SQL for {shown!r}")
    assert selected(tenant, texts[0], definition) == expected[0], texts[0]


@given(random=st.randoms(use_true_random=True), connection_id=st.sampled_from([None, "c1"]))
@settings(max_examples=500 if LONG else 8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_one_group_walked_down_is_what_the_closure_finds(
    connection: Connection, random: Random, connection_id: str | None
) -> None:
    """A filter naming one group answers from the groups below it what the closure of the organization answers."""
    directory = random_directory(random, 20)
    with undone(connection):
        directory.store(connection, "random")
        tenant = tenant_of(connection, "random", connection_id)
        for group in directory.of(GROUP):
            for walked, closed in (
                # Ids have the same length here, so that sw holds where eq does.
                (f'groups eq "{group.id}"', f'groups sw "{group.id}"'),
                (f'groups.value ne "{group.id}"', f'not (groups.value sw "{group.id}")'),
                (f'groups[value eq "{group.id}"]', f'groups[value sw "{group.id}"]'),
                (
                    f'groups[type eq "indirect" and value eq "{group.id}"]',
                    f'groups[type eq "indirect" and value sw "{group.id}"]',
                ),
            ):
                assert selected(tenant, walked, USER) == selected(tenant, closed, USER), walked


def user(number: int, **document: Any) -> Entry:
    return Entry(f"user-{number:02}", USER, {"schemas": [USER.urn], "userName": f"user{number}", **document})


def group(number: int, name: str = "", namespace: str = "") -> Entry:
    return Entry(f"group-{number:02}", GROUP, {"schemas": [GROUP.urn], "displayName": name or f"G{number}"}, namespace)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('unknown eq "x"', "'unknown' is not an attribute of User"),
        ('manager eq "x"', "'manager' is not an attribute of User"),
        ('name.unknown eq "x"', "'name.unknown' is not an attribute"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", "is not an attribute"),
        ('urn:example:none:userName eq "x"', "'urn:example:none:userName' is not an attribute"),
        ('user_name eq "x"', "'user_name' is not an attribute"),
        ('userName eq "x" or not (unknown pr)', "'unknown'"),
        ('emails[unknown eq "x"]', "'unknown' is not an attribute of emails; accepted: value, display, type, primary"),
        (f'emails[{USER.urn}:value eq "x"]', "is not an attribute of emails"),
        (f'{EXTENSION}:tags[city eq "x"]', "'city' is not an attribute of tags; accepted: value"),
        ('password eq "x"', "'password' cannot be filtered on"),
        ("password pr", "'password' cannot be filtered on"),
        ('meta.location sw "http"', "'meta.location' cannot be filtered on"),
        ('groups.$ref eq "x"', r"'groups.\$ref' cannot be filtered on"),
        ('groups[$ref eq "x"]', r"'groups.\$ref' cannot be filtered on"),
        ("userName eq 5", "not valid for attribute"),
        ("active gt true", "cannot be applied to the boolean attribute"),
        (f'{EXTENSION}:blob co "x"', "cannot be applied to the binary attribute"),
        (f'{EXTENSION}:level eq "x"', "not valid for attribute"),
        (f'{EXTENSION}:levels[value eq "x"]', "'value' cannot be compared with 'x': it is of type integer"),
        (f"{EXTENSION}:flags[value gt true]", "'value' is boolean: it takes eq, ne and pr, not gt"),
        (f'{EXTENSION}:blob eq "a\u0020!"', "cannot be compared|not valid"),
        ('meta.created gt "0001-01-01T00:00:00+14:00"', "cannot be compared"),
        (r'userName eq "a\u0000b"', "holds U\\+0000"),
        (r'userName co "\ud800"', "half a character"),
        ('name[familyName eq "x"]', "not multi-valued"),
        ("userName eq", "Unexpected|unexpected|Invalid|invalid|expected"),
    ],
)
def test_a_filter_that_cannot_be_answered_says_why(db: Connection, text: str, detail: str) -> None:
    """What no schema declares, or what cannot be compared, is 400 invalidFilter (RFC 7644 §3.4.2.2)."""
    with pytest.raises(InvalidFilterException, match=detail):
        filter_condition(tenant_of(db, "o"), text, USER)


def test_what_another_searched_type_declares_is_false(db: Connection) -> None:
    """A search of several types takes what one of them declares; it is false for the others (§3.4.2.1)."""
    Directory([user(1), group(1)]).store(db, "o")
    tenant = tenant_of(db, "o")

    def ids(text: str, definition: ResourceDefinition, *others: ResourceDefinition) -> list[str]:
        condition = filter_condition(tenant, text, definition, others)
        of_type = (resources.c.org_id == "o") & (resources.c.resource_type == definition.name)
        return list(db.scalars(select(resources.c.id).where(of_type, condition)))

    assert ids('members pr or userName eq "user1"', USER, GROUP) == ["user-01"]
    assert ids('not (serial eq "x")', USER, DEVICES) == ["user-01"]
    assert ids('serial[value eq "x"]', USER, DEVICES) == []
    with pytest.raises(InvalidFilterException, match="'unknown'"):
        ids("unknown pr", USER, GROUP, DEVICES)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "' + "x" * 8_000 + '"',
        "(" * 8_001,
        " or ".join(["title pr"] * 201),
        "emails[" + " or ".join(["value pr"] * 201) + "]",
    ],
)
def test_the_work_of_a_filter_is_bounded(db: Connection, text: str) -> None:
    """A filter of more than 8,000 characters or 200 comparisons is refused in milliseconds."""
    took = []
    for _ in range(3):  # The collector of garbage may come between.
        started = time.process_time()
        with pytest.raises(InvalidFilterException, match=r"accepted: at most (8000|200)"):
            filter_condition(tenant_of(db, "o"), text, USER)
        took.append(time.process_time() - started)
    assert min(took) < 0.5


def test_the_largest_filters_are_answered(db: Connection) -> None:
    """200 terms, and the deepest nesting that is read, stay within what either database can parse."""
    Directory([user(1), user(2)]).store(db, "o")
    tenant = tenant_of(db, "o")
    names = " or ".join(f'userName eq "user{number}"' for number in range(199, 1, -1))
    assert selected(tenant, f'{names} or groups.display co "x"', USER) == ["user-02"]
    values = " and ".join(f'emails ne "{number}"' for number in range(200))
    assert selected(tenant, values, USER) == ["user-01", "user-02"]
    deep = 'emails[type eq "x"]'
    for _ in range(10):
        deep = f"not (title pr and ({deep} or title pr))"
    assert selected(tenant, deep, USER) in ([], ["user-01", "user-02"])
    shallow = "title pr"
    for _ in range(31):
        shallow = f"not ({shallow})"
    assert selected(tenant, shallow, USER) == ["user-01", "user-02"]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        # NB: moments without an offset are taken as UTC, where scim2-models finds no match.
        (f'{EXTENSION}:seenAt eq "2026-01-31T08:00:00"', True),
        (f'{EXTENSION}:moments eq "2026-01-31T08:00:00Z"', True),
        # What is no text holds no part of one.
        (f'{EXTENSION}:seenAt sw "2026"', False),
        (f'not ({EXTENSION}:seenAt co "T")', True),
        # NB: a plain value between brackets is compared in its own type.
        (f'{EXTENSION}:moments[value eq "2026-01-31T09:00:00+01:00"]', True),
        (f'{EXTENSION}:moments[value gt "2026-01-31T09:00:00+01:00"]', False),
        (f'{EXTENSION}:blobs[value eq "-_8="]', True),
        (f'{EXTENSION}:blob eq "+/8="', True),
        (f'{EXTENSION}:blob eq "AAA="', False),
    ],
)
def test_moments_and_bytes_are_compared_as_such(db: Connection, text: str, matches: bool) -> None:
    """A dateTime is a moment and a binary value is bytes, however either is written."""
    values = {
        "seenAt": "2026-01-31T10:00:00+02:00",
        "moments": ["2026-01-31T08:00:00"],
        "blob": "-_8=",
        "blobs": ["+/8="],
    }
    Directory([user(1, **{EXTENSION: values})]).store(db, "o")
    assert selected(tenant_of(db, "o"), text, USER) == (["user-01"] if matches else [])


@pytest.mark.parametrize(
    ("value", "op", "operand", "matches"),
    [
        ("axb", "sw", "a%", False),
        ("axb", "sw", "a_", False),
        ("a%b", "sw", "A%", True),
        ("axb", "co", "_b", False),
        ("axb", "co", "%", False),
        ("a_b", "co", "_", True),
        ("axb", "ew", "%b", False),
        ("axb", "ew", "_b", False),
        ("a\\b", "ew", "\\b", True),
        ("axb", "sw", "*", False),
        ("b", "ew", "ab", False),
        ("", "co", "", True),
        ("İ", "eq", "i̇", True),
        ("İ", "co", "i", True),
        ("ΑΣ", "eq", "ας", True),
        ("ΑΣ", "eq", "ασ", False),
        ("ß", "eq", "SS", False),
        ("\u212a", "eq", "K", True),
        ("e\u0301", "eq", "É", True),
        ("e\u0301", "sw", "e", False),
        ("\ufffd", "lt", "😀", True),
        ("10", "lt", "9", True),
    ],
)
def test_texts_are_compared_by_key_and_code_point(
    db: Connection, value: str, op: str, operand: str, matches: bool
) -> None:
    """No character is a wildcard, and case and form are Unicode's; the order is that of code points."""
    Directory([user(1, title=value, emails=[{"value": value}])]).store(db, "o")
    for path in ("title", "emails"):
        found = selected(tenant_of(db, "o"), f"{path} {op} {ScimFilter.quote(operand)}", USER)
        assert found == (["user-01"] if matches else []), path


@pytest.mark.parametrize(
    ("values", "text", "matches"),
    [
        # SQLite reads these digits as a neighbouring double.
        ({"score": 7.67980653766719e47}, "score eq 7.67980653766719e47", True),
        ({"scores": [2.8579555433078e-301]}, "scores le 2.8579555433078e-301", True),
        ({"score": 2**53 + 1}, "score eq 9007199254740992", True),
        ({"score": 2**64 - 1}, "score ge 1.8446744073709552e19", True),
        ({"score": 1.0}, 'score lt "inf"', True),
        ({"score": 1.0}, 'score lt "nan"', False),
        ({"score": 1.0}, 'score ne "nan"', True),
        ({"level": 2**53 + 1}, "level eq 9007199254740992", False),
        ({"level": 2**63 - 1}, "level lt 9223372036854775808", True),
        ({"level": -(2**63)}, "level gt -9223372036854775809", True),
        ({"level": 5}, "level lt 1" + "0" * 400, True),
        ({"levels": [9, 10]}, "levels gt 9", True),
    ],
)
def test_numbers_are_compared_as_numbers(db: Connection, values: dict[str, Any], text: str, matches: bool) -> None:
    """A decimal is a double and an integer is exact, whatever an operand exceeds."""
    Directory([user(1, **{EXTENSION: values})]).store(db, "o")
    assert selected(tenant_of(db, "o"), f"{EXTENSION}:{text}", USER) == (["user-01"] if matches else [])


def test_nothing_of_another_organization_is_counted(db: Connection) -> None:
    """The members and groups of another organization are no part of a filter, even under the same ids."""
    mine, theirs = [user(1), group(1), group(2)], [user(1), group(1, "Theirs"), group(2)]
    Directory(mine, [("group-01", "group-02")]).store(db, "mine")
    Directory(theirs, [("group-01", "user-01"), ("group-02", "group-01")]).store(db, "theirs")
    for text in (
        "groups pr",
        'groups eq "group-01"',
        'groups sw "group"',
        'groups.display eq "theirs"',
        'groups[type eq "direct"]',
    ):
        assert selected(tenant_of(db, "mine"), text, USER) == [], text
        assert selected(tenant_of(db, "theirs"), text, USER) == ["user-01"], text
    for text in ('members eq "user-01"', 'members[type eq "User"]', 'members.display eq "user1"'):
        assert selected(tenant_of(db, "mine"), text, GROUP) == [], text
        assert selected(tenant_of(db, "theirs"), text, GROUP) == ["group-01"], text
    assert selected(tenant_of(db, "mine"), "members pr", GROUP) == ["group-01"]


def test_only_groups_a_connection_sees_count(db: Connection) -> None:
    """Groups of another connection are neither shown in a user's groups nor passed through to others."""
    entries = [user(1), group(1, "A", "c1"), group(2, "B", "c2"), group(3, "C", "c1")]
    memberships = [("group-01", "user-01"), ("group-02", "group-01"), ("group-03", "group-02")]
    Directory(entries, memberships).store(db, "o")
    for value in ("group-02", "group-03"):
        assert selected(tenant_of(db, "o"), f'groups eq "{value}"', USER) == ["user-01"]
        assert selected(tenant_of(db, "o", "c1"), f'groups eq "{value}"', USER) == []
        assert selected(tenant_of(db, "o", "c1"), f'groups sw "{value}"', USER) == []
    assert selected(tenant_of(db, "o", "c1"), 'groups eq "group-01"', USER) == ["user-01"]
    assert selected(tenant_of(db, "o", "c2"), "groups pr", USER) == []


def test_a_group_is_direct_before_it_is_indirect(db: Connection) -> None:
    """A group reached both ways is direct; one reached through others alone is indirect (RFC 7643 §4.1.2)."""
    entries = [user(1), user(2), group(1), group(2)]
    memberships = [
        ("group-01", "user-01"),
        ("group-02", "user-01"),
        ("group-01", "user-02"),
        ("group-02", "group-01"),
        ("group-01", "group-02"),
    ]
    Directory(entries, memberships).store(db, "o")
    tenant = tenant_of(db, "o")
    for value in ("value eq", "value sw"):
        assert selected(tenant, f'groups[{value} "group-02" and type eq "direct"]', USER) == ["user-01"]
        assert selected(tenant, f'groups[{value} "group-02" and type eq "Indirect"]', USER) == ["user-02"]
        assert selected(tenant, f'groups[{value} "group-01" and type eq "indirect"]', USER) == []


def test_members_of_a_patch_path_are_selected(db: Connection) -> None:
    """What stands between the brackets of members[…] selects members by id, type and display."""
    directory = Directory([user(1), user(2, displayName="Ada"), group(1), group(2)])
    directory.store(db, "o")
    tenant = tenant_of(db, "o")
    member = resources.alias("member")

    def ids(value_filter: str) -> list[str]:
        node = Path[GROUP.model](f"members[{value_filter}]").value_filter  # type: ignore[name-defined]
        assert node is not None
        condition = and_(member.c.org_id == "o", member_condition(tenant, node, member))
        return list(db.scalars(select(member.c.id).where(condition).order_by(member.c.id)))

    assert ids('value eq "user-01"') == ["user-01"]
    assert ids('type eq "group"') == ["group-01", "group-02"]
    assert ids('display eq "ADA" or display eq "g2"') == ["group-02", "user-02"]
    assert ids('not (type eq "User")') == ["group-01", "group-02"]
    for refused in ('$ref eq "x"', "unknown pr"):
        with pytest.raises(InvalidFilterException):
            ids(refused)


_DRIFTED: dict[str, Any] = {
    "schemas": 5, "displayName": 5, "name": "text", "emails": "text", "phoneNumbers": ["text", 5, None, [], True],
    "ims": {"value": "x"}, "addresses": [[{"region": "x"}]], "x509Certificates": [{"value": 5, "primary": "x"}],
    EXTENSION: {
        "level": "many", "score": {"a": 1}, "seenAt": 5, "blob": True, "flag": "yes", "tags": "text", "codes": {"a": 1},
        "levels": ["1", {}, 1e300, "9" * 400], "scores": ["x", None, [1]], "flags": [1, "true"], "profile": [1],
        "places": [1, {"rank": "x", "weight": [], "tags": "x", "primary": 1}, "{", "[1"],
    },
}  # fmt: skip


def test_no_stored_value_makes_a_filter_fail(db: Connection) -> None:
    """A document stored under a former schema is a value that does not match, never an error at run time."""
    Directory([user(1)]).store(db, "o")
    db.execute(update(resources).where(resources.c.org_id == "o").values(folded=_DRIFTED))
    tenant = tenant_of(db, "o")
    operands = {
        "integer": "5",
        "decimal": "5.5",
        "boolean": "true",
        "dateTime": '"2026-01-31T08:00:00Z"',
        "binary": '"AA=="',
    }
    for path, attribute, sub_attribute in paths_of(USER):
        compared = sub_attribute or attribute.sub_attributes.get("value", attribute)
        operand = operands.get(compared.type, '"text"')
        ordered = compared.type not in ("boolean", "binary")
        texts = [f"{path} {op} {operand}" for op in (("eq", "ne", "gt", "le") if ordered else ("eq", "ne"))]
        if compared.type in ("string", "reference"):
            texts += [f"{path} {op} {operand}" for op in ("co", "sw", "ew")]
        texts += [f"{path} pr", f"{path} eq null", f"{path} ne null"]
        conditions = [filter_condition(tenant, text, USER) for text in texts]
        both = [each for condition in conditions for each in (condition, not_(condition))]
        row = db.execute(
            select(*(each.label(f"f{number}") for number, each in enumerate(both))).where(resources.c.org_id == "o")
        ).one()
        # That each is either true or false, and nothing raises, is what counts.
        assert [{row[number], row[number + 1]} for number in range(0, len(both), 2)] == [{0, 1}] * len(texts), path


ADDRESSED = [
    'emails eq "U7@example.com"',
    'emails.value eq "u7@example.com"',
    'emails[value eq "u7@example.com"]',
    'emails[type eq "work" and value eq "u7@example.com"]',
    'emails[type eq "work"].value eq "u7@example.com"',
    f'{USER.urn}:emails eq "u7@example.com"',
    f'{USER.urn}:emails[type eq "work"].value eq "u7@example.com"',
    'title pr and emails.value eq "u7@example.com" and active eq true',
]
"""The forms in which clients ask who has an e-mail address."""

LOOKED_UP = [
    (USER, 'userName eq "user7"', r"unique_key=\?", r"Index Cond: .*unique_key = "),
    (USER, 'userName eq "user7" and active eq true', r"unique_key=\?", r"Index Cond: .*unique_key = "),
    (USER, 'externalId eq "e7"', r"ix_resources_external_id .*external_id=\?", r"Index Cond: .*external_id = "),
    (USER, 'id eq "user-07"', r"SEARCH resources USING .*\(org_id=\? AND id=\?\)", r"Index Cond: .*\(id = "),
    (GROUP, 'members eq "user-07"', r"SEARCH membership .*member_id=\?", r"Index Cond: .*member_id = "),
    (GROUP, 'members.value eq "user-07"', r"SEARCH membership .*member_id=\?", r"Index Cond: .*member_id = "),
    (GROUP, 'members[value eq "user-07"]', r"SEARCH membership .*member_id=\?", r"Index Cond: .*member_id = "),
    (USER, 'groups eq "group-07"', r"SEARCH start_row .*id=\?", r"Index Cond: .*\(id = "),
    (USER, 'groups.value eq "group-07"', r"SEARCH membership .*group_id=\?", r"Index Cond: .*group_id = "),
    (USER, 'groups[value eq "group-07"]', r"SEARCH nested .*group_id=\?", r"Index Cond: .*group_id = "),
]


_SCANS = re.compile(r"SCAN (resources|emails|\w+_row|membership|nested)\b|Seq Scan")


def test_an_index_serves_what_identity_providers_look_up(fresh_database: Database) -> None:
    """Look-ups by name, external id, id, member and group read no table from one end to the other."""
    store = open_store(fresh_database.app_url, CATALOG)
    users = [user(number, externalId=f"e{number}") for number in range(2_000)]
    groups = [group(number) for number in range(400)]
    pairs = [
        (each.id, users[(5 * number + more) % 2_000].id) for number, each in enumerate(groups) for more in range(50)
    ]
    with store.pool.open(store.write_begin) as db:
        Directory(users + groups, pairs).store(db, "o")
    _analyze(fresh_database)
    with store.pool.open() as db:
        for definition, text, sqlite, postgresql in LOOKED_UP:
            plan = plan_of(tenant_of(db, "o"), text, definition)
            assert re.search(sqlite if db.dialect.name == "sqlite" else postgresql, plan), f"{text}\n{plan}"
            assert not _SCANS.search(plan), f"{text}\n{plan}"
    store.close()


def _analyze(database: Database) -> None:
    owner = create_engine(database.owner_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as db:
        db.exec_driver_sql("ANALYZE")
    owner.dispose()


_SEARCHED = {
    "sqlite": r"SEARCH emails USING COVERING INDEX .*\(org_id=\? AND value=\?\)",
    "postgresql": r"Index Cond: .*\(value = ",
}
_ONE = {
    "sqlite": r"SEARCH resources USING .*\(org_id=\? AND (resource_type=\? AND )?id=\?\)",
    "postgresql": r"Index Cond: .*\(id = emails.resource_id\)",
}


@pytest.mark.parametrize("analyzed", [True, False])
def test_an_index_serves_the_page_of_who_has_an_address(fresh_database: Database, analyzed: bool) -> None:
    """A page by an e-mail address, in each form, and its total read nobody else, with statistics or without."""
    store = open_store(fresh_database.app_url, CATALOG)
    users = [user(number, emails=[{"value": f"u{number}@example.com", "type": "work"}]) for number in range(2_000)]
    with store.pool.open(store.write_begin) as db:
        Directory(users).store(db, "o")
    if analyzed:
        _analyze(fresh_database)
    with store.pool.open() as db:
        for text in ADDRESSED:
            for first in (1, 2):  # The page after the last one has its total counted.
                query = Query(text, None, False, first, 100, None, WHOLE)
                with recorded() as statements:
                    found = search_resources(tenant_of(db, "o"), (USER,), query, None)
                assert found.total == (0 if "title" in text else 1)
                searching = [each for each in statements if "emails" in each.sql]
                assert len(searching) == first
                for each in searching:
                    plan = explained(db, each.sql, each.parameters)
                    assert re.search(_SEARCHED[db.dialect.name], plan), f"{text}\n{plan}"
                    assert re.search(_ONE[db.dialect.name], plan), f"{text}\n{plan}"
                    assert not _SCANS.search(plan), f"{text}\n{plan}"
    store.close()


@pytest.mark.parametrize("analyzed", [True, False])
def test_an_index_serves_the_page_of_a_name_among_other_terms(fresh_database: Database, analyzed: bool) -> None:
    """A page by a name, an external id or an id that is one term of several reads nobody else."""
    store = open_store(fresh_database.app_url, CATALOG)
    users = [user(number, externalId=f"e{number}") for number in range(2_000)]
    with store.pool.open(store.write_begin) as db:
        Directory(users).store(db, "o")
    if analyzed:
        _analyze(fresh_database)
    with store.pool.open() as db:
        for text, sqlite, postgresql in (
            ('userName eq "USER7" and active eq true', r"unique_key=\?", r"Index Cond: .*unique_key = "),
            ('active eq true and externalId eq "e7"', r"external_id=\?", r"Index Cond: .*external_id = "),
            (f'id eq "{users[7].id}" and active eq true', r"AND id=\?", r"Index Cond: .*\(id = "),
        ):
            with recorded() as statements:
                search_resources(tenant_of(db, "o"), (USER,), Query(text, None, False, 1, 100, None, WHOLE), None)
            (page,) = (each for each in statements if "LIMIT" in each.sql)
            plan = explained(db, page.sql, page.parameters)
            assert re.search(sqlite if db.dialect.name == "sqlite" else postgresql, plan), f"{text}\n{plan}"
    store.close()


def plan_of(tenant: Tenant, text: str, definition: ResourceDefinition) -> str:
    """Return the plan of a list request, as the database explains it."""
    statement = select(resources.c.id).where(
        resources.c.org_id == tenant.org_id,
        resources.c.resource_type == definition.name,
        filter_condition(tenant, text, definition),
    )
    compiled = statement.compile(tenant.db, compile_kwargs={"render_postcompile": True})
    if tenant.db.dialect.name == "postgresql":
        return explained(tenant.db, str(compiled), compiled.params)
    return explained(tenant.db, str(compiled), tuple(compiled.params[name] for name in compiled.positiontup or ()))


def explained(db: Connection, sql: str, parameters: Any) -> str:
    """Return the plan of a statement."""
    if db.dialect.name == "postgresql":
        return "\n".join(db.exec_driver_sql(f"EXPLAIN {sql}", parameters).scalars())
    return "\n".join(str(row[3]) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters))
