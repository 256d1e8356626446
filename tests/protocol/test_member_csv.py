"""A member comes out as a row and in again without a change; what a row says wrongly is told by column."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim_server.protocol.csv_records import plain, read_records, write_record
from scim_server.protocol.member_csv import (
    COLUMNS,
    MAX_CELL_LENGTH,
    HeaderError,
    attribute_changes,
    cells_of,
    differing,
    faults_of,
    header,
    join_names,
    path_of,
    read_active,
    read_cells,
    read_header,
    split_names,
    steps_of,
)

TEXTS = st.text(
    st.one_of(
        st.sampled_from(";/\\ \t\r\n'\"=+a,"), st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    ),
    min_size=1,
)
PATHS = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the document of a user, whatever its texts."""
    document: dict[str, Any] = {"userName": draw(TEXTS)}
    for name in ("externalId", "title", "preferredLanguage", "displayName"):
        if draw(st.booleans()):
            document[name] = draw(st.one_of(TEXTS, st.just("")))
    if draw(st.booleans()):
        parts = st.sampled_from(["givenName", "familyName", "honorificPrefix", "formatted"])
        document["name"] = draw(st.dictionaries(parts, TEXTS, min_size=1))
    for name in ("emails", "phoneNumbers"):
        values: list[dict[str, Any]] = draw(
            st.lists(st.fixed_dictionaries({"value": TEXTS}, optional={"type": TEXTS}), max_size=3)
        )
        if values:
            values[draw(st.integers(0, len(values) - 1))]["primary"] = draw(st.booleans())
            document[name] = values
    return document


@given(documents(), st.booleans(), st.dictionaries(st.sampled_from(["roles", "teams"]), st.sets(PATHS)))
def test_an_export_changes_nothing(
    document: dict[str, Any], active: bool, groups: dict[str, set[tuple[str, ...]]]
) -> None:
    """The row of a member, written and read, says nothing else than what the member has."""
    names = {column: [path_of(steps) for steps in paths] for column, paths in groups.items()}
    current = cells_of(document, active, names)
    data = (header(";") + write_record((current[column] for column in COLUMNS), ";")).encode()
    first, row = read_records([data], ";")
    texts, faults = read_cells(read_header(first.cells), row.cells)
    if not faults:  # A text of the directory may be longer than a cell.
        assert differing(current, texts) == {}
        assert {column: set(map(steps_of, split_names(texts[column]))) for column in groups} == groups


@given(documents(), documents())
def test_a_row_makes_of_a_member_what_it_says(document: dict[str, Any], other: dict[str, Any]) -> None:
    """What the cells change is what they then say, and nothing else of the member is touched."""
    wanted = cells_of(other, True, {})
    cells = {column: text for column, text in wanted.items() if column not in ("active", "roles", "teams")}
    changed = dict(document)
    for name, value in attribute_changes(document, differing(cells_of(document, True, {}), cells)).items():
        if name == "name":
            value = {**document.get("name", {}), **value}
            value = {part: text for part, text in value.items() if text is not None}
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    assert cells_of(changed, True, {}) == wanted
    for name in ("emails", "phoneNumbers"):
        values = changed.get(name, [])
        assert sum(each.get("primary") is True for each in values) <= 1


def test_the_value_that_is_shown_is_the_one_that_changes() -> None:
    """The primary address is replaced where it stands; the others stay, but for the same one."""
    emails = [{"value": "a@x", "type": "home"}, {"value": "b@x", "type": "work", "primary": True}, {"value": "c@x"}]
    assert cells_of({"emails": emails}, True, {})["email"] == "b@x"
    assert attribute_changes({"emails": emails}, {"email": "c@x"}) == {
        "emails": [{"value": "c@x", "type": "work", "primary": True}, {"value": "a@x", "type": "home"}]
    }
    assert attribute_changes({"emails": emails}, {"email": ""}) == {"emails": None}
    assert attribute_changes({}, {"email": "a@x"}) == {"emails": [{"value": "a@x", "primary": True}]}


def test_names_that_people_read_follow() -> None:
    """Unless somebody has given another one."""
    name = {"givenName": "Ada", "familyName": "King", "formatted": "Ada King"}
    cells = {"familyName": "Lovelace"}
    followed = {"name": {"familyName": "Lovelace", "formatted": "Ada Lovelace"}, "displayName": "Ada Lovelace"}
    assert attribute_changes({"name": name, "displayName": "Ada King"}, cells) == followed
    kept = attribute_changes({"name": {**name, "formatted": "Countess King"}, "displayName": "Ada"}, cells)
    assert kept == {"name": {"familyName": "Lovelace"}}


@given(st.sets(PATHS))
def test_names_in_a_cell_are_told_apart(paths: set[tuple[str, ...]]) -> None:
    """Whatever they hold; spaces around them that people type are nothing."""
    cell = join_names(path_of(steps) for steps in paths)
    assert {steps_of(name) for name in split_names(cell)} == paths
    assert split_names(" Buyer ;; Admin;Buyer") == ("Buyer", "Admin")


def test_columns_come_in_any_order() -> None:
    """In any case, with spaces around them."""
    assert read_header(["Email", " username ", "TEAMS"]) == ("email", "userName", "teams")


@pytest.mark.parametrize(
    ("cells", "column", "detail"),
    [
        (["userName", "mail"], "mail", "is no column; accepted: userName, externalId, email"),
        (["userName", ""], "column 2", "is no column"),
        (["userName", "\udce9"], "column 2", "is no column"),
        (["userName", "username"], "userName", "is there twice"),
        (["email"], "userName", "is missing"),
        ([], "userName", "is missing"),
    ],
)
def test_a_header_is_told_what_is_wrong(cells: list[str], column: str, detail: str) -> None:
    """With the columns that are accepted."""
    with pytest.raises(HeaderError) as refused:
        read_header(cells)
    ((named, told),) = refused.value.faults
    assert named == column
    assert told.startswith(detail)


def test_cells_are_read_by_their_columns() -> None:
    """What is missing at the end is empty; what is too much, too long, or no text is a fault."""
    columns = ("userName", "email", "title")
    assert read_cells(columns, ["ada", "'+1"]) == ({"userName": "ada", "email": "+1", "title": ""}, [])
    assert read_cells(columns, ["ada", "", "", ""])[1] == []
    texts, faults = read_cells(columns, ["a\x00", "\udce9", "x" * (MAX_CELL_LENGTH + 1), "y"])
    assert texts == {}
    assert [fault.column for fault in faults] == [None, "userName", "email", "title"]


@pytest.mark.parametrize(
    ("column", "text", "detail"),
    [
        ("userName", " ", "is empty"),
        ("active", "perhaps", "is 'perhaps'; accepted: true, false, yes, no, oui, non, vrai, faux, 1, 0"),
        ("email", "ada", "is 'ada', no e-mail address such as name@example.com"),
        ("preferredLanguage", "French", None),
        ("preferredLanguage", "en_GB", "is 'en_GB', no language such as fr or en-GB"),
        ("email", "", None),
        ("title", "=anything", None),
    ],
)
def test_a_cell_is_told_what_is_accepted(column: str, text: str, detail: str | None) -> None:
    """Where it is to be written."""
    faults = [fault.detail for fault in faults_of({column: text})]
    assert len(faults) == (detail is not None)
    assert all(detail is not None and each.startswith(detail) for each in faults)


def test_active_is_read_as_spreadsheets_write_it() -> None:
    """A French one writes VRAI for true; an empty cell says nothing."""
    assert [read_active(text) for text in ("VRAI", " oui", "1", "false", "Faux", "", "perhaps")] == [
        *(True, True, True, False, False, None, None)
    ]
    assert differing({"active": "true"}, {"active": "VRAI"}) == {}
    assert differing({"active": "true"}, {"active": ""}) == {}
    assert differing({"active": "true"}, {"active": "0"}) == {"active": "0"}


def test_the_template_is_the_header() -> None:
    """As it is written, it is read."""
    (first,) = read_records([header(",").encode()], ",")
    assert read_header([plain(cell) for cell in first.cells]) == COLUMNS
