"""What the document of a user says of the person, for who writes to them."""

from collections.abc import Sequence

from scim_server.protocol.documents import Document

_MAX_NAME_LENGTH = 100


def email_of(document: Document) -> str | None:
    """Return the address to write to: the primary one, else that of work, else the first."""
    found = [each for each in document.get("emails", ()) if isinstance(each.get("value"), str)]
    # NB: sorted() is stable, so that the first of those alike stays first.
    ranked = sorted(found, key=lambda each: (each.get("primary") is not True, each.get("type") != "work"))
    return ranked[0]["value"] if ranked else None


def name_of(document: Document) -> str:
    """Return what to call the person, in one line that is no longer than a name."""
    name = document.get("name", {})
    parts = [name[each] for each in ("givenName", "familyName") if name.get(each)]
    called = " ".join(parts) or name.get("formatted") or document.get("displayName") or document.get("userName") or ""
    return " ".join(called.split())[:_MAX_NAME_LENGTH]


def language_of(document: Document, default: str, accepted: Sequence[str]) -> str:
    """Return the language to write in: the person's, else that of the organization, else the first accepted.

    ``preferredLanguage`` is read as Accept-Language is (RFC 7643 §4.1.1), but for its weights.
    """
    preferred = [each.split(";")[0].strip().lower() for each in document.get("preferredLanguage", "").split(",")]
    for each in (*preferred, default, *accepted):
        for language in accepted:
            if each == language or each.startswith(f"{language}-"):
                return language
    raise ValueError("there is no language to write in")
