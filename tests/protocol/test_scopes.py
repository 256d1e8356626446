"""Scopes: how they are written, narrowed and covered."""

import pytest

from scim_server.protocol.scopes import ACCEPTED, SCOPES, covers, narrow, read_scope, write_scope


def test_scim_stands_for_both_of_its_halves() -> None:
    """As it is written for a token, and asked for by a client."""
    assert read_scope("scim") == read_scope("scim:write  scim:read") == {"scim:read", "scim:write"}
    assert write_scope(read_scope("org:admin scim")) == "scim:read scim:write org:admin"
    assert read_scope(" ".join(ACCEPTED)) == set(SCOPES)


@pytest.mark.parametrize("text", ["", " ", "all", "scim:read all", "SCIM", "scim,scim:read", "me"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    """The sentence says what is accepted."""
    with pytest.raises(ValueError, match="is not a scope; accepted: scim, scim:read, scim:write, members:read"):
        read_scope(text)


def test_no_scope_is_all_that_was_granted() -> None:
    """Else what is asked for, as long as it was granted."""
    granted = read_scope("scim members:read")
    assert narrow(None, granted) == narrow("", granted) == granted
    assert narrow("scim:read", granted) == {"scim:read"}
    assert narrow("scim", granted) == {"scim:read", "scim:write"}
    with pytest.raises(ValueError, match="the scope members:write org:admin was not granted; granted: scim:read"):
        narrow("scim org:admin members:write", granted)


@pytest.mark.parametrize(
    ("scopes", "covered"),
    [
        ("scim", {"scim:read", "scim:write"}),
        ("members:write", {"members:write"}),
        ("org:admin", {"org:admin", "members:read", "members:write"}),
        ("operator", {"operator", "org:admin", "members:read", "members:write"}),
    ],
)
def test_an_administrator_covers_the_members_and_an_operator_the_api(scopes: str, covered: set[str]) -> None:
    """Neither covers SCIM, which needs a connection; writing does not cover reading."""
    assert {each for each in SCOPES if covers(read_scope(scopes), each)} == covered
