"""The rules of paths into an answer."""

import pytest

from conformance.json_types import Json
from conformance.paths import PathError, Selection, parse, select

URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
DOCUMENT: Json = {
    "userName": "a",
    "name.dotted": 1,
    "emails": [
        {"type": "work", "value": "w1", "primary": True},
        {"type": "home", "value": "h"},
        {"type": "work", "value": "w2"},
    ],
    URN: {"manager": {"value": "m"}},
}


def found(*values: Json) -> Selection:
    """Build what a path without `[*]` finds."""
    return Selection(values, many=False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.userName", "a"),
        ("$.emails[1].value", "h"),
        ("$['name.dotted']", 1),
        (f"$['{URN}'].manager.value", "m"),
        ("$.emails[?primary=true].value", "w1"),
    ],
)
def test_a_path_walks_names_positions_quoted_names_and_equalities(path: str, value: Json) -> None:
    """Each form of a segment finds its value."""
    assert select(DOCUMENT, path) == found(value)


def test_a_path_without_star_keeps_the_first_value() -> None:
    """Two elements match and the first one counts."""
    assert select(DOCUMENT, "$.emails[?type=work].value") == found("w1")


def test_a_path_with_star_yields_all_values() -> None:
    """The values come as a list, in their order."""
    assert select(DOCUMENT, "$.emails[*].value").value == ["w1", "h", "w2"]


def test_a_path_with_star_yields_an_empty_list_when_nothing_is_there() -> None:
    """An absent array and an empty one look the same."""
    assert select({}, "$.Resources[*].id").value == []
    assert select({"Resources": []}, "$.Resources[*].id").value == []


@pytest.mark.parametrize("path", ["$.nobody", "$.emails[9]", "$.userName.x", "$.userName[0]", "$.emails.value"])
def test_a_path_to_nowhere_is_absent(path: str) -> None:
    """Whatever does not fit the document finds nothing, and never raises."""
    assert not select(DOCUMENT, path).present


def test_a_null_is_present() -> None:
    """Null is a value; only a missing key is absent."""
    assert select({"title": None}, "$.title") == found(None)


@pytest.mark.parametrize("path", ["userName", "$userName", "$.a[", "$.a[-1]", "$.a[?type]", "$..a", "$.a['']"])
def test_a_path_of_another_form_is_refused(path: str) -> None:
    """A path that is read halfway would check something else."""
    with pytest.raises(PathError):
        parse(path)
