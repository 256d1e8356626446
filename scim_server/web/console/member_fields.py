"""The fields of a member in a form: what was typed as a SCIM user, or as the change of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext

from scim_server.protocol.documents import Document
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.protocol.people import email_of

FIELDS = {
    "honorificPrefix": "name.honorificPrefix",
    "givenName": "name.givenName",
    "familyName": "name.familyName",
    "email": "emails",
    "phone": "phoneNumbers",
    "title": "title",
    "language": "preferredLanguage",
}
"""The attribute that each field of a form is about, as the profile of a portal names it."""

_NAMES = ("honorificPrefix", "givenName", "familyName")


def field_labels() -> dict[str, str]:
    """Return what people read beside each field."""
    return {
        "honorificPrefix": gettext("Salutation"),
        "givenName": gettext("First name"),
        "familyName": gettext("Last name"),
        "email": gettext("E-mail address"),
        "phone": gettext("Telephone"),
        "title": gettext("Function"),
        "language": gettext("Language"),
    }


def missing_fields(typed: Mapping[str, str], required: Sequence[str]) -> list[str]:
    """Return the labels of the fields that a portal requires and nothing was typed into."""
    labels = field_labels()
    return [labels[field] for field, path in FIELDS.items() if path in required and not typed.get(field)]


def phone_of(document: Document) -> str | None:
    """Return the telephone number to show: the primary one, else the first."""
    found = [each for each in document.get("phoneNumbers", ()) if isinstance(each.get("value"), str)]
    ranked = sorted(found, key=lambda each: each.get("primary") is not True)
    return ranked[0]["value"] if ranked else None


def fields_of(document: Document) -> dict[str, str]:
    """Return the fields of a member as they are."""
    name = document.get("name", {})
    found = {
        **{each: name.get(each) for each in _NAMES},
        "email": email_of(document),
        "phone": phone_of(document),
        "title": document.get("title"),
        "language": document.get("preferredLanguage"),
    }
    return {field: value or "" for field, value in found.items()}


def new_user(typed: Mapping[str, str], schema: str, contact_roles: Sequence[str]) -> dict[str, Any]:
    """Return the SCIM user that a form for a new member describes; without a user name, it is the e-mail address."""
    name = {each: typed[each] for each in _NAMES if typed.get(each)}
    user: dict[str, Any] = {"schemas": [schema], "userName": typed.get("userName") or typed.get("email", "")}
    if name:
        user["name"] = name
        user["displayName"] = _whole(name)
    if typed.get("email"):
        user["emails"] = [{"value": typed["email"], "primary": True}]
    if typed.get("phone"):
        user["phoneNumbers"] = [{"value": typed["phone"]}]
    user |= {attribute: typed[field] for field, attribute in _PLAIN.items() if typed.get(field)}
    if contact_roles:
        user["schemas"].append(MEMBER_USER_URN)
        user[MEMBER_USER_URN] = {"contactRoles": list(contact_roles)}
    return user


_PLAIN = {"title": "title", "language": "preferredLanguage"}
_LISTS = {"email": "emails", "phone": "phoneNumbers"}


def changes(document: Document, typed: Mapping[str, str], contact_roles: Sequence[str] | None) -> dict[str, Any]:
    """Return the PATCH that gives a member what was typed into those fields that differ from what they have."""
    before = fields_of(document)
    changed = {field: value for field, value in typed.items() if field in FIELDS and value != before[field]}
    operations = [
        *(_operation(_PLAIN[field], changed[field]) for field in _PLAIN if field in changed),
        *(
            _operation(attribute, _values(document.get(attribute, ()), before[field], changed[field]))
            for field, attribute in _LISTS.items()
            if field in changed
        ),
        *_renaming(document, {field: changed[field] for field in _NAMES if field in changed}),
    ]
    if contact_roles is not None:
        path, former = f"{MEMBER_USER_URN}:contactRoles", document.get(MEMBER_USER_URN, {}).get("contactRoles", ())
        if set(former) != set(contact_roles):
            operations.append(_operation(path, list(contact_roles)))
    return {"schemas": [PATCH_OP_URN], "Operations": operations}


def _operation(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value} if value else {"op": "remove", "path": path}


def _values(former: Sequence[Document], shown: str, typed: str) -> list[Document]:
    """Return the addresses or numbers of a member with the one that was shown replaced; the others stay."""
    place = next((index for index, each in enumerate(former) if each.get("value") == shown), None)
    if place is None:
        return [*former, {"value": typed}] if typed else [*former]
    # What repeats the value, as its display does, would go on saying the former one.
    kept = {name: value for name, value in former[place].items() if name not in ("display", "$ref")}
    replaced = [{**kept, "value": typed}] if typed else []
    return [*former[:place], *replaced, *former[place + 1 :]]


def _renaming(document: Document, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the operations that change the name of a member, and what repeats it."""
    if not names:
        return []
    former = document.get("name", {})
    whole = _whole({**former, **names})
    operations = [_operation(f"name.{each}", value) for each, value in names.items()]
    if "formatted" in former:
        operations.append(_operation("name.formatted", whole))
    if document.get("displayName") in (_whole(former), former.get("formatted")) and document.get("displayName"):
        operations.append(_operation("displayName", whole))
    return operations


def _whole(name: Mapping[str, str]) -> str:
    return " ".join(name[each] for each in ("givenName", "familyName") if name.get(each))
