"""Letters in the language of who they are for: each text is a file whose first line is the subject."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from string import Template

from scim_server.actions.letters import Letter

_TEXTS = Path(__file__).parent / "texts"
_UNITS = {"en": ("day", "days", "hour", "hours"), "fr": ("jour", "jours", "heure", "heures")}
_PATHS = {"invitation": "invitation", "access": "password", "password": "password"}
"""The page that the link of a letter leads to, below that of the organization."""


def written(letter: Letter, base_url: str) -> tuple[str, str]:
    """Return the subject and the text of a letter."""
    values = {
        "organization": " ".join(letter.organization.split()),
        "name": letter.name,
        "about": " ".join(letter.about.split()),
        "link": f"{base_url}/console/{letter.slug}/{_PATHS.get(letter.template, '')}/{letter.secret}",
        "lifetime": _lifetime(letter.lifetime, letter.language),
    }
    subject, _, text = _text(letter.template, letter.language).partition("\n\n")
    return Template(subject).substitute(values), Template(text).substitute(values)


@cache
def _text(template: str, language: str) -> str:
    return (_TEXTS / f"{template}.{language}.txt").read_text(encoding="utf-8")


def _lifetime(lifetime: timedelta, language: str) -> str:
    day, days, hour, hours = _UNITS[language]
    number, one, several = (lifetime.days, day, days) if lifetime.days else (lifetime.seconds // 3_600, hour, hours)
    return f"{number} {one if number == 1 else several}"
