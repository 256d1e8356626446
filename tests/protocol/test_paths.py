"""PATCH paths: every spelling of what they designate, and what they may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import InvalidPathException, SCIMException
from scim2_models import Path as ScimPath

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.paths import resolve_path
from tests.protocol.devices import BADGE_URN, DEVICE, GROUP, USER
from tests.protocol.patching import ENTERPRISE

_WORDS = ("name", "familyName", "emails", "value", "type", "tags", "maker", "a", "$ref", "", "x y", "İ", "\u212aind")
_TEXTS = st.one_of(
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(".".join),
    st.lists(st.sampled_from((*_WORDS, USER.urn, ENTERPRISE, BADGE_URN, "urn:x")), max_size=3).map(":".join),
    st.builds("{}[{} eq {}].{}".format, *[st.sampled_from((*_WORDS, '"a"', "1", "true"))] * 4),
    st.text(alphabet='emails[typ ".]=q1:u\u0130', max_size=12),
)


@given(definition=st.sampled_from((USER, GROUP, DEVICE)), text=_TEXTS)
def test_a_path_resolves_as_in_scim2_models(definition: ResourceDefinition, text: str) -> None:
    """What a path designates is what scim2-models resolves it to, and nothing where it refuses it."""
    try:
        target = resolve_path(definition, text)
    except SCIMException as error:
        assert error.status == 400
        target = None
    try:
        path = ScimPath[definition.model](text)  # type: ignore[name-defined]
        binding, designates_model = path.resolve(), path.model is not None
    except InvalidPathException:
        binding, designates_model = None, False
    if target is None:
        # A filter may be refused for other reasons; a path without one for none.
        assert "[" in text or " " in text or text == "" or (binding is None and not designates_model)
    elif target.attribute is None:
        assert designates_model
    else:
        assert binding is not None
        named = target.sub_attribute or target.attribute
        assert binding.urn.rpartition(":")[2].rpartition(".")[2] == named.name


@pytest.mark.parametrize(
    "text",
    [
        'emails[type eq "work"]',
        'EMAILS[TYPE EQ "work"]',
        'emails.type eq "work"',
        f'{USER.urn}:emails[type eq "work"]',
    ],
)
def test_values_are_selected_in_three_spellings(text: str) -> None:
    """Brackets, a bare comparison and a URN in front designate the same values (errata 7122)."""
    target = resolve_path(USER, text)
    assert target.attribute is USER.attributes["emails"]
    assert target.sub_attribute is None
    assert str(target.value_filter).lower() == 'type eq "work"'


def test_a_filter_selects_among_several() -> None:
    """A filter on an attribute that holds one value is refused."""
    with pytest.raises(InvalidPathException, match="holds one value"):
        resolve_path(USER, 'name[familyName eq "x"]')


def test_a_filter_is_checked_with_nothing_to_match() -> None:
    """A filter on a sub-attribute that no schema declares is refused before anything is read."""
    with pytest.raises(SCIMException) as error:
        resolve_path(USER, 'emails[unheardOf eq "x"]')
    assert error.value.scim_type == "invalidFilter"


def test_a_look_alike_is_no_name() -> None:
    """A path with a letter outside ASCII names nothing, such as the sign for kelvin in nickName."""
    assert "nic\u212aname".lower() == "nickname"
    with pytest.raises(InvalidPathException):
        resolve_path(USER, "nic\u212aName")


def test_the_text_stays_as_sent() -> None:
    """A target keeps the path as the client wrote it, which error details quote."""
    assert resolve_path(USER, "NAME.GivenName").text == "NAME.GivenName"
