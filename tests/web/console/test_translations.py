"""The catalogues of the console: everything is in them, in French too, and what is served is what they say."""

from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests.serving import ROOT

CONSOLE = ROOT / "scim_server" / "web" / "console"
FRENCH = CONSOLE / "translations" / "fr" / "LC_MESSAGES"


def said() -> set[object]:
    """Return what the console says in English, of each plural both forms."""
    with Path(ROOT, "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    return {message for _, _, message, _, _ in extract_from_dir(CONSOLE, methods, options)}


def french() -> dict[object, Message]:
    """Return the messages of the French catalogue."""
    catalogue = read_po(BytesIO((FRENCH / "messages.po").read_bytes()), locale="fr")
    assert not catalogue.obsolete
    return {message.id: message for message in catalogue if message.id}


def test_everything_is_said_in_french_and_nothing_else() -> None:
    """No text is missing, none is left that nobody shows; `make translations` adds what is new."""
    assert french().keys() == said()
    for message in french().values():
        assert all(forms(message.string)), message.id
        assert not message.fuzzy, message.id


def test_parameters_are_those_of_the_english() -> None:
    """A translation uses no parameter that it is not given."""
    for message in french().values():
        assert not list(message.check()), message.id


def test_what_is_served_is_compiled_from_the_catalogue() -> None:
    """The compiled file has the same texts."""
    compiled = read_mo(BytesIO((FRENCH / "messages.mo").read_bytes()))
    told = {forms(message.id): forms(message.string) for message in compiled if message.id}
    assert told == {forms(message.id): forms(message.string) for message in french().values()}


def forms(told: Any) -> tuple[str, ...]:
    """Return the forms of a text: one, or those of a plural."""
    return (told,) if isinstance(told, str) else tuple(told)
