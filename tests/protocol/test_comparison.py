"""The form in which values are compared."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import Path, default_comparison_key

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import (
    attribute_key,
    comparison_key,
    fixed_width,
    fold,
    fold_document,
    read_binary,
    read_date_time,
    user_name_key,
)
from tests.protocol import payloads
from tests.protocol.devices import DEVICE, USER

_CASES = st.text("aA\u0041\u030a\u00c5\u212b\u00dfi\u0130\u0131\u03a3\u03c3\u03c2\ufb01\u1e9e\u01c4\u0345 ", max_size=8)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# In seconds from 1970, so that no offset leads out of the years that datetime has.
_MOMENTS = st.builds(datetime.fromtimestamp, st.floats(-(10**10), 10**11), _OFFSETS | st.just(UTC))


@given(value=st.text() | _CASES, name=st.sampled_from(("title", "externalId")))
def test_keys_are_those_of_scim2_models(value: str, name: str) -> None:
    """The key of a string is the default key of scim2-models: what filters find, PATCH and uniqueness find."""
    binding = Path[USER.model](name).resolve()  # type: ignore[name-defined]
    assert attribute_key(value, USER.attributes[name.lower()]) == default_comparison_key(binding, value)


@given(value=st.text() | _CASES, case_exact=st.booleans())
def test_a_key_is_its_own_key(value: str, case_exact: bool) -> None:
    """A key that is stored can be compared again."""
    key = comparison_key(value, case_exact=case_exact)
    assert comparison_key(key, case_exact=case_exact) == key
    assert user_name_key(user_name_key(value)) == user_name_key(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("É", "e\u0301"),
        ("\u212b", "å"),
        ("BJENSEN", "bjensen"),
        ("ΑΣ", "ας"),
        ("İ", "i\u0307"),
        ("İ\u0316", "i\u0316\u0307"),
    ],
)
def test_spellings_of_one_string_have_one_key(one: str, other: str) -> None:
    """Case and the composition of accents make no difference, unless the attribute is case exact."""
    assert comparison_key(one, case_exact=False) == comparison_key(other, case_exact=False)
    assert comparison_key("a", case_exact=True) != comparison_key("A", case_exact=True)
    assert comparison_key("É", case_exact=True) == comparison_key("E\u0301", case_exact=True)


@given(moment=_MOMENTS)
def test_a_moment_is_read_in_utc(moment: datetime) -> None:
    """A dateTime is read in UTC, whatever its offset and the case of its letters."""
    assert read_date_time(moment.isoformat()) == moment
    assert read_date_time(moment.isoformat().replace("T", "t")).tzinfo is UTC


@given(one=_MOMENTS, other=_MOMENTS)
def test_the_order_of_texts_is_that_of_moments(one: datetime, other: datetime) -> None:
    """Moments written at a fixed width are in the order of time."""
    assert (fixed_width(one) < fixed_width(other)) == (one < other)
    assert (fixed_width(one) == fixed_width(other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T08:00:00Z",
        "2026-01-31t08:00:00z",
        "2026-01-31T08:00Z",
        "2026-01-31T08:00:00",
        "2026-01-31T09:00:00+01:00",
        "2026-01-31T09:00:00+0100",
        "2026-01-31T08:00:00.0000000Z",
    ],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    """Offsets, fractions of any length and a missing offset, which is UTC, are read."""
    assert read_date_time(text) == datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "20260131T080000Z",
        "2026-W05-6T08:00:00",
        "2026-01-31T08",
        "2026-01-31 08:00:00",
        "2026-02-30T08:00:00Z",
        "2026-01-31T25:00:00Z",
        "٢٠٢٦-01-31T08:00:00Z",
        "2026-01-31T08:00:00Z\n",
    ],
)
def test_other_dates_are_refused(text: str) -> None:
    """A date alone, weeks, compact forms, days that do not exist and other digits are no dateTime."""
    with pytest.raises(ValueError, match=r".+"):
        read_date_time(text)


@given(value=st.binary(max_size=20))
def test_binary_is_read_in_both_alphabets(value: bytes) -> None:
    """Base64 is read in its standard and its URL-safe alphabet, and with white space in it."""
    for text in (base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()):
        assert read_binary(text) == value
        assert read_binary("\n".join(text)) == value


@pytest.mark.parametrize("text", ["%%", "aGVsbG8", "a", "aGVsbG8=é", "===="])
def test_what_is_no_base64_is_refused(text: str) -> None:
    """Other characters and missing padding are refused rather than skipped."""
    with pytest.raises(ValueError, match="base64"):
        read_binary(text)


@pytest.mark.parametrize(
    ("name", "value", "folded"),
    [
        ("label", "É", "é"),
        ("serial", "É", "É"),
        ("tags", ["A", "b"], ["a", "b"]),
        ("codes", ["A"], ["A"]),
        ("boughtAt", "2026-01-31T09:00:00+01:00", "2026-01-31T08:00:00.000000Z"),
        ("certificate", "-_8=", "+/8="),
        ("weight", 1, 1.0),
        ("height", 1, 1),
        ("active", True, True),
        ("maker", {"name": "M", "sites": ["S"]}, {"name": "m", "sites": ["s"]}),
        ("slots", [{"value": "V", "type": "T"}], [{"value": "V", "type": "t"}]),
    ],
)
def test_values_are_folded_by_their_type(name: str, value: Any, folded: Any) -> None:
    """Each type has the form its values are compared in."""
    found = fold(value, DEVICE.attributes[name.lower()])
    assert orjson.dumps(found) == orjson.dumps(folded)


@given(document=payloads.documents(DEVICE) | payloads.documents(USER))
def test_a_folded_document_is_its_own_fold(document: dict[str, Any]) -> None:
    """A document is folded without changing what it names, and folding it again changes nothing."""
    definition: ResourceDefinition = DEVICE if "serial" in document else USER
    folded = fold_document(document, definition)
    assert list(folded) == list(document)
    assert fold_document(folded, definition) == folded


def test_only_a_user_name_is_prepared() -> None:
    """The profile of RFC 8265 is for userName; other attributes keep the key of any string."""
    assert user_name_key("\uff21") == "a"
    assert attribute_key("\uff21", USER.attributes["username"]) == "a"
    assert attribute_key("\uff21", AttributeDefinition("title")) == "\uff41"
