"""The form of tokens: a mistyped one is known without asking the database."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim_server.protocol.tokens import ALPHABET, PATTERN, PREFIX, RANDOM_LENGTH, is_well_formed, make_token

_RANDOM = st.text(ALPHABET, min_size=RANDOM_LENGTH, max_size=RANDOM_LENGTH)
_KNOWN = "scimsrv_0000000000000000000000000000002C8GjS"


@given(characters=_RANDOM)
def test_a_token_is_well_formed(characters: str) -> None:
    """A token has the form that secret scanners look for, and its checksum holds."""
    token = make_token(characters)
    assert re.fullmatch(PATTERN, token)
    assert token.startswith(PREFIX + characters)
    assert is_well_formed(token)


@given(characters=_RANDOM, data=st.data())
def test_a_mistyped_token_is_none(characters: str, data: st.DataObject) -> None:
    """A token with one character changed, two swapped, one missing or one more is not well-formed."""
    token = make_token(characters)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET))
    swapped = token[:place] + token[place + 1 : place + 2] + token[place] + token[place + 2 :]
    for changed in (
        token[:place] + other + token[place + 1 :],
        swapped,
        token[:place] + token[place + 1 :],
        token[:place] + other + token[place:],
    ):
        assert changed == token or not is_well_formed(changed)


@pytest.mark.parametrize("text", ["", " ", PREFIX, _KNOWN + "\n", " " + _KNOWN, _KNOWN.upper(), "é" * 44, "\0" * 44])
def test_another_text_is_no_token(text: str) -> None:
    """What is not a token, to the character, is refused."""
    assert not is_well_formed(text)


def test_the_form_of_tokens_does_not_change() -> None:
    """Tokens that were issued stay valid: the checksum is CRC-32 in six base62 digits."""
    assert make_token("0" * RANDOM_LENGTH) == _KNOWN
