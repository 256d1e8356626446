"""What a list or a search asks for, and what is made of what it says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import SCIMException

from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.projection import Projection
from scim_server.protocol.queries import DEFAULT_COUNT, MAX_RESULTS, SEARCH_REQUEST_URN, read_query, read_search
from tests.protocol.devices import USER

_BIG = 2**31 - 1


def _refused(parameters: dict[str, Any]) -> str:
    with pytest.raises(SCIMException) as error:
        read_query(parameters, (USER,))
    return error.value.scim_type


def test_a_list_without_parameters_is_the_first_page() -> None:
    """Nothing asked for is the first page of everything, in the default order."""
    query = read_query({}, (USER,))
    assert (query.filter, query.sort_by, query.descending) == (None, None, False)
    assert (query.start_index, query.count, query.cursor, query.projection) == (1, DEFAULT_COUNT, None, Projection())


@pytest.mark.parametrize("name", ["startIndex", "STARTINDEX", "startindex"])
def test_parameters_are_named_in_any_case(name: str) -> None:
    """Names of parameters are compared without case, and unknown ones ignored (Entra ID's flags)."""
    assert read_query({name: "7", "aadOptscim062020": ""}, (USER,)).start_index == 7


@given(start=st.integers(), count=st.integers())
def test_numbers_out_of_range_are_read_as_the_nearest(start: int, count: int) -> None:
    """A startIndex below 1 is 1, a negative count 0, and a large count the largest page (RFC 7644 §3.4.2.4)."""
    query = read_query({"startIndex": str(start), "count": str(count)}, (USER,))
    assert query.start_index == min(max(start, 1), _BIG)
    assert query.count == min(max(count, 0), MAX_RESULTS)


@pytest.mark.parametrize("name", ["startIndex", "count"])
@pytest.mark.parametrize("text", ["abc", "1.5", "1e3", "0x10", "1 2", "9" * 31])
def test_what_is_no_integer_is_refused(name: str, text: str) -> None:
    """A startIndex or count that is no integer is refused rather than guessed."""
    assert _refused({name: text}) == "invalidValue"


@pytest.mark.parametrize("name", ["startIndex", "count", "filter", "sortBy", "sortOrder", "attributes"])
def test_an_empty_parameter_is_none(name: str) -> None:
    """A parameter without a value is as if it were left out."""
    assert read_query({name: ""}, (USER,)) == read_query({}, (USER,))


@pytest.mark.parametrize(("order", "descending"), [("ascending", False), ("Descending", True)])
def test_a_list_is_sorted_both_ways(order: str, descending: bool) -> None:
    """sortOrder is ascending or descending, in any case; anything else is refused."""
    query = read_query({"sortBy": "userName", "sortOrder": order}, (USER,))
    assert (query.sort_by, query.descending) == ("userName", descending)
    assert _refused({"sortOrder": "down"}) == "invalidValue"


def test_a_filter_is_kept_as_sent() -> None:
    """The text of a filter is left to who evaluates it."""
    assert read_query({"filter": ' userName eq "A" '}, (USER,)).filter == ' userName eq "A" '


def test_attributes_are_named_without_the_core_urn() -> None:
    """Names of attributes are read for the resource types listed."""
    query = read_query({"attributes": f"{USER.urn}:title,NAME"}, (USER,))
    assert query.projection == Projection(included=frozenset({"title", "name"}))


def test_a_scan_by_cursor_has_its_own_limits() -> None:
    """By cursor, a count too large is refused (RFC 9865 §2.1), one below 0 is 0, and there is no startIndex."""
    assert read_query({"cursor": "", "count": "0"}, (USER,)).count == 0
    assert read_query({"cursor": "c"}, (USER,)).count is None
    assert _refused({"cursor": "", "count": str(MAX_RESULTS + 1)}) == "invalidCount"
    assert read_query({"cursor": "", "count": "-1"}, (USER,)).count == 0
    assert _refused({"cursor": "c", "startIndex": "1"}) == "invalidValue"


def _search(payload: dict[str, Any], profile: str = "rfc") -> Any:
    return read_search(payload, (USER,), Leniences(PROFILES[profile]))


def test_a_search_says_what_a_list_says() -> None:
    """A search by POST is read as the list with the same parameters (RFC 7644 §3.4.3)."""
    said = {"filter": "title pr", "sortBy": "title", "sortOrder": "descending", "startIndex": 2, "count": 3}
    searched = _search({"schemas": [SEARCH_REQUEST_URN], **said, "attributes": ["title"], "excludedAttributes": None})
    assert searched == read_query({**{key: str(value) for key, value in said.items()}, "attributes": "title"}, (USER,))


@pytest.mark.parametrize("schemas", [None, [], ["urn:x"], "x"])
def test_a_search_names_its_schema(schemas: Any) -> None:
    """A body that is no SearchRequest is counted and read, and refused in the rfc profile."""
    leniences = Leniences(PROFILES["lenient"])
    assert read_search({"schemas": schemas, "count": 1}, (USER,), leniences).count == 1
    assert leniences.counts == {"schemas_inferred": 1}
    with pytest.raises(SCIMException) as error:
        _search({"schemas": schemas})
    assert error.value.scim_type == "invalidSyntax"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter", 7),
        ("sortBy", ["title"]),
        ("sortOrder", True),
        ("startIndex", "1"),
        ("count", 1.5),
        ("count", True),
        ("count", []),
        ("attributes", 7),
        ("attributes", [7]),
        ("excludedAttributes", {}),
    ],
)
def test_a_search_has_the_types_of_its_schema(name: str, value: Any) -> None:
    """Members of another type are refused."""
    with pytest.raises(SCIMException) as error:
        _search({"schemas": [SEARCH_REQUEST_URN], name: value})
    assert error.value.scim_type in ("invalidSyntax", "invalidValue")
