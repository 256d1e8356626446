"""Request bodies: whatever they are, they are read as one JSON value or refused with invalidSyntax, in no time."""

import json
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import InvalidSyntaxException

from scim_server.protocol.errors import error_reply
from scim_server.protocol.wire import MAX_DEPTH, read_json, read_object

_TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), _TEXTS
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.tuples(_TEXTS, inner), max_size=4, unique_by=lambda pair: pair[0].lower()).map(dict)
    ),
    max_leaves=20,
)


def _refused(body: bytes) -> str:
    with pytest.raises(InvalidSyntaxException) as error:
        read_json(body)
    assert orjson.loads(error_reply(error.value))["scimType"] == "invalidSyntax"
    return error.value.detail


def _shortest_s(body: bytes) -> float:
    """Return the least processor time of three refusals: the collector of garbage may come between."""
    took = []
    for _ in range(3):
        started = process_time()
        _refused(body)
        took.append(process_time() - started)
    return min(took)


@given(value=_VALUES, indent=st.sampled_from([None, 1]), ascii_only=st.booleans(), mark=st.booleans())
def test_a_json_value_is_read_as_it_is(value: Any, indent: int | None, ascii_only: bool, mark: bool) -> None:
    """Any value without what is refused below is read as it was written, after a byte order mark too."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert read_json(text.encode("utf-8-sig" if mark else "utf-8")) == value


@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d8e1-tn \n\0é', max_size=60).map(str.encode))
def test_nothing_else_is_raised(body: bytes) -> None:
    """Whatever the bytes, what is raised is InvalidSyntaxException."""
    try:
        read_json(body)
    except InvalidSyntaxException as error:
        assert orjson.loads(error_reply(error))["status"] == "400"


@given(value=_VALUES, data=st.data())
def test_a_broken_body_is_read_or_refused(value: Any, data: st.DataObject) -> None:
    """A body cut off or with a byte changed is JSON as orjson has it, or refused."""
    body = bytearray(json.dumps(value, ensure_ascii=False).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        body[place] = data.draw(st.integers(0, 255))
    else:
        del body[place:]
    try:
        found = read_json(bytes(body))
    except InvalidSyntaxException:
        return
    assert found == orjson.loads(bytes(body).removeprefix(b"\xef\xbb\xbf"))


@pytest.mark.parametrize("body", [b"", b" ", b"\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf{}"])
def test_an_empty_body_is_refused(body: bytes) -> None:
    """A body with nothing in it is refused."""
    _refused(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"userName":"a","USERNAME":"b"}',
        b'[{"b":{"a":null,"A":2}}]',
        b'{"a":1,"\\u0061":2}',
        '{"é":1,"É":2}'.encode(),
    ],
)
def test_a_member_stands_once(body: bytes) -> None:
    """Two members of one name, whatever its case, could be read as either: refused (RFC 7643 §2.1)."""
    assert "twice" in _refused(body)


@pytest.mark.parametrize(
    "body", [b'"\xff"', b'"\xc3"', b'{"\xe9":1}', b'"\xed\xa0\x80"', '"é"'.encode("latin-1"), '"a"'.encode("utf-16")]
)
def test_a_body_is_utf_8(body: bytes) -> None:
    """Other encodings, and surrogates encoded as if they were characters, are refused."""
    assert "UTF-8" in _refused(body)


@pytest.mark.parametrize("body", [b'"\\ud800"', b'"a\\udfffb"', b'{"\\ud800":1}', b'["\\ude00\\ud83d"]'])
def test_half_a_character_is_refused(body: bytes) -> None:
    """An escape that is half of a surrogate pair stands for no character."""
    _refused(body)


def test_a_surrogate_pair_is_a_character() -> None:
    """Two escapes that are a pair are one character."""
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("body", [b'"\\u0000"', b'{"a":"b\\u0000c"}', b'{"a\\u0000":1}', b'[[{"a":["\\u0000"]}]]'])
def test_nul_is_refused(body: bytes) -> None:
    """PostgreSQL stores no NUL, so no attribute may hold one."""
    assert "NUL" in _refused(body)


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\\\u0000"])
def test_the_text_of_an_escape_is_text(text: str) -> None:
    """A backslash followed by u0000, in so many characters, is no NUL."""
    assert read_json(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'{"a":-Infinity}', b"1e999", b"-1e400", b"[1.5E+4000]"])
def test_a_number_is_finite(body: bytes) -> None:
    """What is no number, or beyond every double, is refused."""
    _refused(body)


@pytest.mark.parametrize(
    "text", ["18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "1" + "0" * 4_000, "1" + "0" * 100_000]
)
def test_an_integer_has_64_bits(text: str) -> None:
    """An integer beyond 64 bits would be rounded by one reader and kept by another."""
    _refused(f"[{text}]".encode())


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0])
def test_an_integer_is_exact(number: int) -> None:
    """Integers of 64 bits are read exactly."""
    assert read_json(str(number).encode()) == number


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '{"a":[', '[ \n{"]}":'])
@pytest.mark.parametrize("closed", [True, False])
def test_a_deep_body_is_refused_at_once(opening: str, closed: bool) -> None:
    """A hundred thousand levels are refused without walking them, closed or not."""
    closing = "".join({"[": "]", "{": "}"}.get(each, "") for each in reversed(opening.replace('"]}"', '""')))
    body = (opening * 100_000 + "1" + (closing * 100_000 if closed else "")).encode()
    assert "nests deeper" in _refused(body)
    assert _shortest_s(body) < 0.5


def test_depth_has_a_limit() -> None:
    """``MAX_DEPTH`` levels are read, one more is refused; brackets in strings are none."""
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    _refused(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    side_by_side: list[Any] = [[{}] for _ in range(100)]
    assert read_json(json.dumps(side_by_side).encode()) == side_by_side
    text = {"a": '\\"[{' * 100}
    assert read_json(json.dumps(text).encode()) == text


@pytest.mark.parametrize(
    "body",
    [
        b"[]" * 40 + b'"' + b'\\"' * 300_000,
        b"[]" * 40 + b'"' + b"\\" * 300_001,
        b'["' * 300_000,
        b"[" * 40 + b'"a' * 300_000,
        b"[]" * 40 + b'{"a":"' + b"x" * 1_000_000,
        b"[]" * 300_000,
        b"1" * 300_000,
        b"-" * 300_000,
        b" " * 1_000_000,
    ],
)
def test_no_body_takes_long(body: bytes) -> None:
    """The time to refuse a body grows no faster than its length."""
    assert _shortest_s(body) < 0.5


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"true", b'[{"a":1}]'])
def test_a_request_is_an_object(body: bytes) -> None:
    """A body that is JSON but no object is refused where a resource or message is due."""
    read_json(body)
    with pytest.raises(InvalidSyntaxException):
        read_object(body)


def test_an_object_is_read() -> None:
    """An object is read as a dict."""
    assert read_object(b'{"a":[1,{"b":"c"}]}') == {"a": [1, {"b": "c"}]}


@pytest.mark.parametrize("body", [b"{a:1}", b"{'a':1}", b'{"a":1,}', b"[1,]", b'{"a"}', b"01", b"tru", b'{"a":1} x'])
def test_what_is_no_json_is_refused_with_its_place(body: bytes) -> None:
    """The detail says where the body ceases to be JSON."""
    assert "line 1, column" in _refused(body)
