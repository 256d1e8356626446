"""What the trail says, in words: what was done, and what changed by it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask_babel import gettext, ngettext

from scim_server.protocol.lifecycle import STATES
from scim_server.web.console.texts import kind_name, state_name

MAX_VALUE_LENGTH = 200
"""How much of a value is shown; an export has all of it."""

_KINDS = ("role", "team", "customerGroup")

NAMES_SHOWN = 10
"""How many of the members of a change are named; the others are counted."""

_NAMED_BY_ID = frozenset({"from", "to", "deputy_id", "parent", "connection"})
"""What holds the id of a member, group or connection."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: the value before and after, in words; None where there is nothing."""

    name: str
    before: str | None
    after: str | None


def _deeds() -> dict[str, str]:
    """Return what was done, by the name of each action."""
    return {
        "user.create": gettext("Created a member"),
        "user.patch": gettext("Changed a member"),
        "user.replace": gettext("Replaced the details of a member"),
        "user.delete": gettext("Deleted a member"),
        "user.invite": gettext("Invited a member"),
        "user.revoke": gettext("Withdrew an invitation"),
        "user.accept": gettext("Accepted an invitation"),
        "user.grant_access": gettext("Gave a member access"),
        "user.start": gettext("Access began on its day"),
        "user.suspend": gettext("Suspended a member"),
        "user.end": gettext("Access ended on its day"),
        "user.restore": gettext("Restored a member"),
        "user.archive": gettext("Archived a member"),
        "user.consent": gettext("Agreed to what the portal asks"),
        "user.erase": gettext("Erased who a member was"),
        "user.password": gettext("Set a password"),
        "user.password_reset": gettext("Sent a link for a new password"),
        "user.sign_in": gettext("Signed in"),
        "user.sign_out": gettext("Ended sessions"),
        "group.create": gettext("Created a group"),
        "group.patch": gettext("Changed a group"),
        "group.replace": gettext("Replaced a group"),
        "group.delete": gettext("Deleted a group"),
        "group.grant": gettext("Let a connection fill a group, or no longer"),
        "group.move": gettext("Moved a team"),
        "role.change": gettext("Changed what a role permits"),
        "assignment.create": gettext("Assigned an object"),
        "assignment.close": gettext("Closed an assignment"),
        "mapping.create": gettext("Mapped what an identity provider says to a role or team"),
        "mapping.delete": gettext("Ended a mapping of an identity provider"),
        "member.export": gettext("Exported the members"),
        "history.export": gettext("Exported the history"),
        "import.upload": gettext("Uploaded a file of members"),
        "import.verify": gettext("Verified a file of members"),
        "import.start": gettext("Started an import"),
        "import.finish": gettext("Imported a file of members"),
        "import.delete": gettext("Discarded a file of members"),
        "connection.create": gettext("Created a connection"),
        "connection.change": gettext("Changed a connection"),
        "token.issue": gettext("Issued a token"),
        "token.revoke": gettext("Revoked a token"),
        "token.leak": gettext("Revoked a token that was found in public"),
        "token.rotate.start": gettext("Began to replace a token"),
        "token.rotate.complete": gettext("Replaced a token"),
        "token.rotate.cancel": gettext("Kept a token that was to be replaced"),
        "client.create": gettext("Registered an OAuth client"),
        "client.disable": gettext("Disabled an OAuth client"),
        "client.rotate_secret": gettext("Gave an OAuth client a new secret"),
        "client.consent": gettext("Allowed an OAuth client to act"),
        "grant.revoke": gettext("Ended what an OAuth client was allowed"),
        "hand_over.request": gettext("Asked for the administrator’s seat to be handed over"),
        "hand_over.evidence": gettext("Attached evidence to a hand-over"),
        "hand_over.approve": gettext("Approved a hand-over"),
        "hand_over.reject": gettext("Rejected a hand-over"),
        "hand_over.withdraw": gettext("Withdrew a hand-over"),
        "organization.create": gettext("Created the organization"),
        "organization.change": gettext("Changed the organization"),
        "organization.suspend": gettext("Suspended the organization"),
        "organization.resume": gettext("Resumed the organization"),
        "organization.delete": gettext("Began to delete the organization"),
    }


def deed(action: str) -> str:
    """Return what was done, in words; an action that is unknown here is shown as it is."""
    return _deeds().get(action, action)


def deeds_in_order() -> list[tuple[str, str]]:
    """Return the actions and their words, in the order of these."""
    return sorted(_deeds().items(), key=lambda each: each[1].casefold())


def _attributes() -> dict[str, str]:
    return {
        "active": gettext("Access"),
        "contactRoles": gettext("Contact roles"),
        "contact_email": gettext("Mailbox to turn to"),
        "connection": gettext("Connection"),
        "changed": gettext("Changed members"),
        "created": gettext("New members"),
        "deputy_id": gettext("Deputy"),
        "digest": gettext("Fingerprint (SHA-256)"),
        "displayName": gettext("Displayed name"),
        "emails": gettext("E-mail addresses"),
        "endDate": gettext("Last day"),
        "evidence": gettext("Evidence"),
        "externalId": gettext("External identifier"),
        "faulty": gettext("Rows with faults"),
        "from": gettext("Who hands over"),
        "kind": gettext("Kind"),
        "language": gettext("Language"),
        "members": gettext("Members"),
        "name": gettext("Name"),
        "object": gettext("Object"),
        "parent": gettext("Parent team"),
        "password": gettext("Password"),
        "permissions": gettext("Permissions"),
        "phoneNumbers": gettext("Phone numbers"),
        "portal": gettext("Portal profile"),
        "preferredLanguage": gettext("Language"),
        "profile": gettext("Client profile"),
        "reason": gettext("Reason"),
        "role": gettext("Role"),
        "roles": gettext("Roles"),
        "rows": gettext("Rows"),
        "scope": gettext("Scope"),
        "session": gettext("Session"),
        "slug": gettext("Short name"),
        "startDate": gettext("First day"),
        "state": gettext("State"),
        "status": gettext("Status"),
        "time_zone": gettext("Time zone"),
        "title": gettext("Job title"),
        "to": gettext("Who gets the seat"),
        "unchanged": gettext("Unchanged members"),
        "userName": gettext("User name"),
        "webProfile": gettext("Web profile"),
    }


def changes_in_words(changes: Mapping[str, Any], name_of: Callable[[str], str]) -> Iterator[Change]:
    """Yield what changed.

    :param name_of: Returns what a member, group or connection is called, by its id.
    """
    names = _attributes()
    for key, change in changes.items():
        name = names.get(key, key)
        if key == "members" and isinstance(change, Mapping):
            yield from _moves(change, name_of)
        elif key.startswith("urn:") and isinstance(change, Mapping):
            yield from changes_in_words(_of_extension(change), name_of)
        elif isinstance(change, Mapping):
            before, after = (_words(key, change.get(each), name_of) for each in ("from", "to"))
            if (before, after) != (None, None):
                yield Change(name, before, after)
        else:
            yield Change(name, None, _said(change))


def _of_extension(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed of the attributes of an extension (RFC 7643 §3.3), each by itself."""
    before, after = (each if isinstance(each, Mapping) else {} for each in (change.get("from"), change.get("to")))
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }


def _moves(members: Mapping[str, Any], name_of: Callable[[str], str]) -> Iterator[Change]:
    """Yield who became a member of a group, and who ceased to be."""
    for key, title in (("added", gettext("Added")), ("removed", gettext("Removed"))):
        ids = members.get(key)
        if isinstance(ids, list) and ids:
            shown = ", ".join(name_of(str(each)) for each in ids[:NAMES_SHOWN])
            others = len(ids) - NAMES_SHOWN
            if others > 0:
                others_said = ngettext("and %(num)d other", "and %(num)d others", others)
                shown = f"{shown} {others_said}"
            yield Change(title, None, shown)


def named_ids(changes: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids in changes that are shown by a name."""
    for key, change in changes.items():
        if not isinstance(change, Mapping):
            continue
        if key == "members":
            for ids in change.values():
                yield from (str(each) for each in ids[:NAMES_SHOWN])
        elif key in _NAMED_BY_ID:
            yield from (each for each in change.values() if isinstance(each, str))


def _words(key: str, value: Any, name_of: Callable[[str], str]) -> str | None:
    """Return a value in words, None where there is none."""
    if value is None or value in ("", [], {}):
        return None
    if key == "state" and value in STATES:
        return state_name(value)
    if key == "kind" and value in _KINDS:
        return kind_name(value)
    if key in _NAMED_BY_ID and isinstance(value, str):
        return name_of(value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return _shortened(", ".join(_plain(each) for each in value))
    return _shortened(_plain(value))


def _plain(value: Any) -> str:
    """Return a value as a text: of a complex one its value, or what it consists of."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("value"), str):
        return str(value["value"])
    if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return orjson.dumps(value).decode()


def _said(value: Any) -> str:
    """Return what the trail says instead of values, as of passwords."""
    words = {"set": gettext("was set"), "cleared": gettext("was cleared"), "all": gettext("all of them")}
    return words.get(value, _shortened(_plain(value))) if isinstance(value, str) else _shortened(_plain(value))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
