"""Who a member is: their attributes as a page shows them, and as a form changes them.

A field of a form is named by a path: ``title``, ``name.givenName``, and for values that a person has several of
(``emails``, ``phoneNumbers``, ``addresses.locality``) that of the main one; the others stay as they are.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from scim_server.protocol.documents import Document
from scim_server.protocol.member_dates import MEMBER_USER_URN, MIDNIGHT
from scim_server.protocol.portals import EDITABLE, PortalProfile
from scim_server.store.members import MemberRecord
from scim_server.web.console.texts import in_language

ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_FIELDS = (
    ("name.honorificPrefix", "text", "honorific-prefix"),
    ("name.givenName", "text", "given-name"),
    ("name.familyName", "text", "family-name"),
    ("displayName", "text", ""),
    ("userName", "text", ""),
    ("emails", "email", "email"),
    ("phoneNumbers", "tel", "tel"),
    ("title", "text", "organization-title"),
    ("preferredLanguage", "choice", ""),
    ("nickName", "text", "nickname"),
    ("addresses.streetAddress", "text", "address-line1"),
    ("addresses.postalCode", "text", "postal-code"),
    ("addresses.locality", "text", "address-level2"),
    ("addresses.country", "text", "country"),
    ("timezone", "text", ""),
    (f"{MEMBER_USER_URN}.startDate", "date", ""),
    (f"{MEMBER_USER_URN}.endDate", "date", ""),
    (f"{MEMBER_USER_URN}.contactRoles", "several", ""),
)
Form = MultiDict[str, str]
"""What was typed, as it is sent."""

_OF_ADMINISTRATORS = ("userName", MEMBER_USER_URN)
_LANGUAGES = {"fr": "Français", "en": "English"}
_PLACES = ("streetAddress", "postalCode", "locality", "region", "country")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form of a member; ``options`` are pairs of value and text, ``chosen`` those of several."""

    path: str
    type: str
    label: str
    value: str
    required: bool
    autocomplete: str
    options: tuple[tuple[str, str], ...] = ()
    chosen: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """The attribute that it changes, by which a profile leaves it to people or not."""
        return _parts(self.path)[0]


@dataclass(frozen=True, slots=True)
class Detail:
    """What a page says of one attribute."""

    label: str
    text: str


def _parts(path: str) -> tuple[str, str | None]:
    """Return the attribute or the extension of a path, and what is named within."""
    if path.startswith("urn:"):
        urn, _, name = path.rpartition(".")
        return urn, name
    attribute, _, name = path.partition(".")
    return attribute, name or None


def editable(profile: PortalProfile, *, administers: bool) -> frozenset[str]:
    """Return the attributes that a form offers to who administers, or else to the person."""
    found = {*EDITABLE, *_OF_ADMINISTRATORS} if administers else set(profile.policy.self_edit)
    if profile.policy.name_after_creation == "frozen":
        found -= {"name", "displayName"}
    return frozenset(found)


def fields_of(
    profile: PortalProfile, document: Document, attributes: Collection[str], typed: Form | None = None
) -> list[Field]:
    """Return the fields of a form, with what is stored, or what was typed where the form is shown again."""
    fields = []
    for path, kind, autocomplete in _FIELDS:
        if _parts(path)[0] not in attributes or (kind == "several" and not profile.contact_roles):
            continue
        stored = _value(document, path)
        value = str(typed.get(path, "")) if typed is not None else ("" if kind == "several" else stored or "")
        chosen: tuple[str, ...] = ()
        if kind == "several":
            chosen = tuple(typed.getlist(path)) if typed is not None else tuple(stored or ())
        required = path == "userName" or path in profile.policy.required
        options = _options(profile, path, stored)
        fields.append(Field(path, kind, label_of(path), value, required, autocomplete, options, chosen))
    return fields


def _options(profile: PortalProfile, path: str, stored: Any) -> tuple[tuple[str, str], ...]:
    if path == "preferredLanguage":
        offered = [(each, _LANGUAGES[each]) for each in profile.policy.languages]
        if stored and stored not in profile.policy.languages:
            offered.append((stored, stored))
        return (("", gettext("(that of the organization)")), *offered)
    if path.endswith(".contactRoles"):
        return tuple((key, in_language(text)) for key, text in profile.contact_roles.items())
    return ()


def changes_in(form: Form, document: Document, profile: PortalProfile, allowed: Collection[str]) -> dict[str, Any]:
    """Return what a form changes, as the value of a PATCH; None for what it empties.

    What was sent though no form offers it is in there too: it is for the action to refuse.
    """
    changes: dict[str, Any] = {}
    for field in fields_of(profile, document, (*EDITABLE, *_OF_ADMINISTRATORS)):
        if field.type == "several":
            # A box that is not ticked is not sent, so the form says that it has some.
            if f"{field.path}.shown" not in form:
                continue
            new: Any = _contact_roles(form, document, field)
        elif field.path not in form:
            continue
        else:
            new = str(form[field.path]).strip() or None
        if new != (_value(document, field.path) or None):
            _change(changes, document, field.path, new)
    _follow_name(changes, document, allowed)
    return changes


def _contact_roles(form: Form, document: Document, field: Field) -> list[str] | None:
    """Return what a person is a contact for: what was chosen, and what the portal does not know any more."""
    known = {key for key, _ in field.options}
    kept = [each for each in _value(document, field.path) or () if each not in known]
    chosen = [key for key, _ in field.options if key in form.getlist(field.path)]
    return [*chosen, *kept] or None


def _change(changes: dict[str, Any], document: Document, path: str, new: Any) -> None:
    attribute, name = _parts(path)
    if attribute in ("emails", "phoneNumbers"):
        changes[attribute] = _with_main(document.get(attribute, ()), {"value": new})
    elif attribute == "addresses":
        values = changes.get(attribute, document.get(attribute, ()))
        # What it was written out as would contradict it.
        changes[attribute] = _with_main(values, {str(name): new, "formatted": None})
    elif name is None:
        changes[attribute] = new
    else:
        dated = new + MIDNIGHT if name.endswith("Date") and new else new
        changes.setdefault(attribute, {})[name] = dated


def _with_main(values: Any, changed: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return several values with the main one changed; without it where nothing is left of it."""
    values = [dict(each) for each in values or ()]
    main = _main(values)
    if main is None:
        main = {"primary": True}
        values.append(main)
    main.update(changed)
    for name in [name for name, value in main.items() if value is None]:
        del main[name]
    if not main.keys() - {"primary", "type", "display"}:
        values.remove(main)
    return values or None


def _main(values: Any) -> dict[str, Any] | None:
    """Return the value that stands for the others: the primary one, else that of work, else the first."""
    ranked = sorted(values, key=lambda each: (each.get("primary") is not True, each.get("type") != "work"))
    return ranked[0] if ranked else None


def _follow_name(changes: dict[str, Any], document: Document, allowed: Collection[str]) -> None:
    """Let what repeats the name of a person follow it, where it may be changed."""
    if "name" not in changes:
        return
    former = document.get("name", {})
    former_whole, whole = (_whole(each) for each in (former, {**former, **changes["name"]}))
    if "formatted" in former:
        changes["name"]["formatted"] = whole or None
    repeats = document.get("displayName") in (former_whole, former.get("formatted")) and "displayName" in document
    if repeats and "displayName" in allowed and "displayName" not in changes:
        changes["displayName"] = whole or None


def _whole(name: Mapping[str, Any]) -> str:
    return " ".join(name[each] for each in ("givenName", "familyName") if name.get(each))


def _value(document: Document, path: str) -> Any:
    """Return what is stored at a path, as a form has it; None where there is nothing."""
    attribute, name = _parts(path)
    if attribute in ("emails", "phoneNumbers", "addresses"):
        main = _main(document.get(attribute, ()))
        return main.get(name or "value") if main else None
    holder = document.get(attribute)
    if name is None:
        return holder
    value = holder.get(name) if isinstance(holder, dict) else None
    return value[:10] if name.endswith("Date") and value else value


def details_of(profile: PortalProfile, document: Document) -> list[Detail]:
    """Return all that is known of a member, to read."""
    return list(_details(profile, document))


def _details(profile: PortalProfile, document: Document) -> Iterator[Detail]:
    shown = [path for path, _, _ in _FIELDS if "." not in path or path.startswith("name.")]
    single = ("externalId", "userType", "locale", "profileUrl")
    for path in (*shown[:3], "name.middleName", "name.honorificSuffix", *shown[3:], *single):
        value = _value(document, path)
        if path in ("emails", "phoneNumbers"):
            for each in document.get(path, ()):
                yield Detail(label_of(path), _with_type(each.get("value"), each))
        elif value:
            text = _LANGUAGES.get(value, value) if path == "preferredLanguage" else value
            yield Detail(label_of(path), str(text))
    for each in document.get("addresses", ()):
        written = each.get("formatted") or ", ".join(each[name] for name in _PLACES if each.get(name))
        yield Detail(gettext("Address"), _with_type(written, each))
    extension = document.get(MEMBER_USER_URN, {})
    for name in ("startDate", "endDate"):
        if extension.get(name):
            yield Detail(label_of(f"{MEMBER_USER_URN}.{name}"), extension[name][:10])
    if extension.get("contactRoles"):
        names = [in_language(profile.contact_roles.get(key, {"": key})) for key in extension["contactRoles"]]
        yield Detail(label_of(f"{MEMBER_USER_URN}.contactRoles"), ", ".join(names))
    for name, value in document.get(ENTERPRISE_URN, {}).items():
        text = value.get("displayName") or value.get("value") if isinstance(value, dict) else value
        if text:
            yield Detail(label_of(f"{ENTERPRISE_URN}.{name}"), str(text))


def _with_type(value: Any, element: Mapping[str, Any]) -> str:
    types = {"work": gettext("work"), "home": gettext("home"), "mobile": gettext("mobile")}
    kind = types.get(element.get("type", ""), element.get("type"))
    return f"{value or ''} ({kind})" if kind else str(value or "")


def label_of(path: str) -> str:
    """Return the name of an attribute in the language of the page, else as SCIM has it."""
    attribute, name = _parts(path)
    names = {
        "name": gettext("Name"),
        "name.honorificPrefix": gettext("Salutation"),
        "name.givenName": gettext("First name"),
        "name.middleName": gettext("Middle name"),
        "name.familyName": gettext("Last name"),
        "name.honorificSuffix": gettext("Suffix"),
        "displayName": gettext("Display name"),
        "userName": gettext("User name"),
        "emails": gettext("E-mail address"),
        "phoneNumbers": gettext("Telephone"),
        "title": gettext("Function"),
        "preferredLanguage": gettext("Language"),
        "nickName": gettext("Nickname"),
        "addresses": gettext("Address"),
        "addresses.streetAddress": gettext("Street"),
        "addresses.postalCode": gettext("Postcode"),
        "addresses.locality": gettext("Town"),
        "addresses.country": gettext("Country, two letters"),
        "timezone": gettext("Time zone, such as Europe/Paris"),
        "externalId": gettext("Id at the identity provider"),
        "userType": gettext("Kind of person"),
        "locale": gettext("Regional formats"),
        "profileUrl": gettext("Profile page"),
        "active": gettext("Access"),
        "password": gettext("Password"),
        "roles": gettext("Roles"),
    }
    extended = {
        "startDate": gettext("First day with access"),
        "endDate": gettext("First day without access"),
        "contactRoles": gettext("Contact for"),
        "employeeNumber": gettext("Employee number"),
        "costCenter": gettext("Cost centre"),
        "organization": gettext("Company"),
        "division": gettext("Division"),
        "department": gettext("Department"),
        "manager": gettext("Superior"),
    }
    if attribute.startswith("urn:"):
        return extended.get(name or "", name or attribute)
    return names.get(path, path)


def user_name_of(member: MemberRecord) -> str:
    """Return the ``userName`` of a member."""
    return str(orjson.loads(member.document).get("userName", ""))
