"""Three people whom the checks of filters and sorting look for, made once for each section."""

from dataclasses import dataclass
from typing import Any

from conformance.rfc.answers import Answer, Body
from conformance.rfc.capabilities import ENTERPRISE, USER
from conformance.rfc.client import Scim

QUOTED = 'a "quoted" \\ (title) and more'


@dataclass(frozen=True, slots=True)
class People:
    """What was created: `mark` starts each userName, `by_id` says who has which id."""

    mark: str
    users: dict[str, Answer]

    def who(self, answer: Answer) -> list[str]:
        """The names of those of the three that a list response contains, in its order."""
        names = {user.id: name for name, user in self.users.items()}
        return [names[id] for id in answer.ids if id in names]


def people(scim: Scim) -> People:
    """The three people of this section."""
    return scim.stage.once("people", _make)


def _make(scim: Scim) -> People:
    mark = f"conf-{scim.run}"
    users = {name: scim.user(**_declared(scim, members)) for name, members in _members(mark).items()}
    return People(mark, users)


def _members(mark: str) -> dict[str, Body]:
    """Ann has everything, Bob has it otherwise, Cid has nearly nothing."""
    work, home = f"ann@work-{mark}.example.com", f"ann@home-{mark}.example.com"
    return {
        "ann": {
            "userName": f"{mark}-ann@example.com",
            "externalId": f"{mark}-X1",
            "displayName": "Ann Älva",
            "title": "Tour Guide",
            "userType": "Employee",
            "active": True,
            "name": {"givenName": "Ann", "familyName": "Berg"},
            "emails": [{"value": work, "type": "work", "primary": True}, {"value": home, "type": "home"}],
            ENTERPRISE: {"department": "Sales", "employeeNumber": f"{mark}-7"},
        },
        "bob": {
            "userName": f"{mark}-bob@example.com",
            "externalId": f"{mark}-x1",
            "displayName": "bob",
            "userType": "Intern",
            "active": False,
            "name": {"givenName": "Bob", "familyName": "adler"},
            "emails": [{"value": f"bob@work-{mark}.example.com", "type": "work", "primary": True}],
            ENTERPRISE: {"department": "Engineering"},
        },
        "cid": {
            "userName": f"{mark}-cid@example.com",
            "externalId": f"{mark}-X3",
            "displayName": "Cid",
            "title": QUOTED,
            "userType": "employee",
            "active": True,
        },
    }


def _declared(scim: Scim, members: Body) -> Body:
    """Leave out what the server's schemas do not know."""
    kept: dict[str, Any] = {name: value for name, value in members.items() if name != ENTERPRISE}
    kept = {
        name: value for name, value in kept.items() if name in ("userName", "externalId") or scim.can.declares(name)
    }
    extension = members.get(ENTERPRISE, {})
    declared = {name: value for name, value in extension.items() if scim.can.declares(f"enterprise:{name}")}
    return {**kept, "schemas": [USER, ENTERPRISE], ENTERPRISE: declared} if declared else kept
