"""The rules of placeholders and macros."""

import re

import pytest

from conformance.json_types import Json
from conformance.placeholders import PlaceholderError, Placeholders


@pytest.fixture
def names() -> Placeholders:
    """Give a scenario's values with a few saved ones."""
    names = Placeholders("tok-1", "http://x/v2")
    for number, user in enumerate(["a", "b", "c"]):
        names.save("m[]", user)
        names.save(f"u{number}.id", user)
    names.save("total", 7)
    return names


def test_run_is_eight_hex_digits_and_new_for_each_scenario() -> None:
    """Scenarios can be replayed against the same database."""
    first, second = Placeholders("t", "b").run, Placeholders("t", "b").run
    assert re.fullmatch("[0-9a-f]{8}", first)
    assert first != second


def test_uuid_is_stable_inside_a_scenario(names: Placeholders) -> None:
    """The same name is the same UUID, another name another one."""
    assert names.text("${uuid.a}") == names.text("${uuid.a}") != names.text("${uuid.b}")


def test_a_placeholder_alone_keeps_its_type(names: Placeholders) -> None:
    """A saved number stays a number; inside a longer text it becomes text."""
    assert names.fill({"$gte": "${total}"}) == {"$gte": 7}
    assert names.fill("x${total}") == "x7"


def test_each_repeats_an_item_for_a_slice_of_a_saved_list(names: Placeholders) -> None:
    """`to` is exclusive, both ends may be left out, and the neighbours stay."""
    item: Json = {"$ref": None, "value": "${item}"}
    body: Json = [{"value": "first"}, {"$each": "m", "from": 1, "to": 3, "item": item}]
    expected: Json = [{"value": "first"}, {"$ref": None, "value": "b"}, {"$ref": None, "value": "c"}]
    assert names.fill(body) == expected
    assert names.fill([{"$each": "m", "item": "${item}"}]) == ["a", "b", "c"]


def test_text_repeats_a_character_after_a_prefix(names: Placeholders) -> None:
    """Long values need not be written out."""
    assert names.fill({"$text": {"char": "x", "times": 3, "prefix": "${u0.id}-"}}) == "a-xxx"


def test_a_key_like_ref_is_no_macro(names: Placeholders) -> None:
    """`$ref` is an ordinary SCIM attribute."""
    assert names.fill({"$ref": None}) == {"$ref": None}


@pytest.mark.parametrize("template", ["${nobody}", "${env.NO_SUCH_VARIABLE_HERE}", "${token_endpoint}"])
def test_an_unknown_name_is_an_error(names: Placeholders, template: str) -> None:
    """Nothing is sent with a hole in it."""
    with pytest.raises(PlaceholderError):
        names.text(template)


def test_environment_values_are_remembered_as_secret(names: Placeholders, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came from the environment is blanked out of a report, like the token."""
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "hush")
    assert names.text("${env.OAUTH_CLIENT_SECRET}") == "hush"
    assert names.secret_values == {"tok-1", "hush"}
