"""What stands between brackets (RFC 7644 §3.5.2), matched on the elements of documents."""

from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, Path, ScimFilter
from scim2_models.path import FilterNode

from scim_server.protocol.catalog import AttributeDefinition
from scim_server.protocol.filters import check_value_filter, matches
from tests.store.resource_strategies import EXTENSION, LONG, USER, attribute_value, random_value_path

EVERY_TYPE = USER.extensions[EXTENSION.lower()].attributes
# NB: scim2-models compares a plain dateTime or binary value with the text of the filter.
SELECTED = [
    (prefix, each)
    for prefix, attributes in (("", USER.attributes), (f"{EXTENSION}:", EVERY_TYPE))
    for each in attributes.values()
    if each.multi_valued and each.type not in ("dateTime", "binary") and each.name != "schemas"
]


def value_filter(text: str) -> FilterNode:
    node = Path[USER.model](text).value_filter  # type: ignore[name-defined]
    assert node is not None
    return node


@given(random=st.randoms(use_true_random=True))
@settings(max_examples=5_000 if LONG else 150, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_an_element_matches_where_scim2_models_selects_it(random: Random) -> None:
    """An element of a document satisfies a value filter exactly where the evaluator selects the resource."""
    for prefix, attribute in SELECTED:
        element = attribute_value(random, attribute)[0]
        text = random_value_path(random, f"{prefix}{attribute.name}", attribute, USER, entra=False)
        holder = {attribute.name: [element]}
        model = USER.model.model_validate({EXTENSION: holder} if prefix else holder)
        expected = ScimFilter[USER.model](text).match(model, strict=True)  # type: ignore[name-defined]
        assert matches(value_filter(text), element, attribute) == expected, (text, element)


@pytest.mark.parametrize(
    ("text", "element", "expected"),
    [
        ('emails[type eq "WORK"]', {"type": "work"}, True),
        ('emails[type eq "work"].value', {"type": "work"}, True),
        ('emails.type eq "work"', {"type": "work"}, True),
        ("emails[primary ne true]", {"value": "x"}, True),
        ('photos[value eq "HTTP://X"]', {"value": "http://x"}, False),
        (f'{EXTENSION}:tags[value sw "A"]', "ab", True),
        (f'{EXTENSION}:tags eq "AB"', "ab", True),
        (f'{EXTENSION}:moments[value le "2026-01-31T09:00:00+01:00"]', "2026-01-31T08:00:00", True),
        (f'{EXTENSION}:blobs[value eq "-_8="]', "+/8=", True),
        (f'{EXTENSION}:places[since gt "2026-01-31T08:00:00Z"]', {"since": "2026-01-31T08:00:00.001Z"}, True),
        (f'{EXTENSION}:places[tags eq "b"]', {"tags": ["a", "B"]}, True),
        (f'{EXTENSION}:places[tags ne "b"]', {"tags": ["a", "B"]}, False),
    ],
)
def test_elements_are_compared_in_their_own_type(text: str, element: object, expected: bool) -> None:
    """The three forms of a selection (errata 7122) match alike; moments and bytes are compared as such."""
    path = Path[USER.model](text)  # type: ignore[name-defined]
    attributes = EVERY_TYPE if path.schema else USER.attributes
    node = path.value_filter
    assert node is not None
    assert matches(node, element, attributes[path.parts[0].lower()]) is expected


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ('emails[unknown eq "x"]', USER.attributes["emails"]),
        ('emails[type eq "work" or unknown pr]', USER.attributes["emails"]),
        ('emails[type eq "home" and unknown pr]', USER.attributes["emails"]),
        ("emails[type gt 5]", USER.attributes["emails"]),
        ("emails[primary gt true]", USER.attributes["emails"]),
        (f'{EXTENSION}:tags[city eq "x"]', EVERY_TYPE["tags"]),
        (f'{EXTENSION}:levels[value eq "x"]', EVERY_TYPE["levels"]),
        (f'{EXTENSION}:places[rank eq "x"]', EVERY_TYPE["places"]),
    ],
)
def test_an_unknown_sub_attribute_is_refused_wherever_it_stands(text: str, attribute: AttributeDefinition) -> None:
    """A name or operand that does not fit is 400 invalidFilter, whether or not another term decides."""
    with pytest.raises(InvalidFilterException):
        matches(value_filter(text), {"type": "work"} if attribute.is_complex else "x", attribute)
    with pytest.raises(InvalidFilterException):
        check_value_filter(value_filter(text), attribute)
