"""What clients send: the users, groups, patches and bulks of the workloads."""

import json
from collections.abc import Sequence
from typing import Any

from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.catalog import GROUP_URN, USER_URN
from scim_server.protocol.patch import PATCH_OP_URN

ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_DEPARTMENTS = ("Engineering", "Research", "Sales", "Support", "Finance", "Legal", "Logistics")
_TITLES = ("Engineer", "Analyst", "Assistant", "Director", "Consultant")
_PLACES = (("Oslo", "0150", "NO"), ("Lyon", "69002", "FR"), ("Porto", "4050-160", "PT"), ("Leeds", "LS1 4DY", "GB"))


def user_name(number: int) -> str:
    """Return the userName of a loaded user."""
    return f"user{number:07d}@contoso.example"


def user(name: str, number: int = 0) -> dict[str, Any]:
    """Return a user as Entra ID sends one, some 950 bytes as JSON, enterprise extension included.

    :param number: Varies the department, title and place, as those of real people do.
    """
    locality, code, country = _PLACES[number % len(_PLACES)]
    return {
        "schemas": [USER_URN, ENTERPRISE_URN],
        "externalId": f"entra-{name}",
        "userName": name,
        "active": True,
        "displayName": f"Ada {name}",
        "title": _TITLES[number % len(_TITLES)],
        "preferredLanguage": "en-US",
        "name": {"formatted": f"Ada {name}", "familyName": "Byron", "givenName": "Ada"},
        "emails": [{"type": "work", "value": name, "primary": True}],
        "phoneNumbers": [{"type": "work", "value": "+47 22 00 01 00"}, {"type": "mobile", "value": "+47 900 00 100"}],
        "addresses": [
            {
                "type": "work",
                "formatted": f"Storgata 1, {code} {locality}",
                "streetAddress": "Storgata 1",
                "locality": locality,
                "postalCode": code,
                "country": country,
            }
        ],
        ENTERPRISE_URN: {
            "employeeNumber": f"E-{number}",
            "department": _DEPARTMENTS[number % len(_DEPARTMENTS)],
            "costCenter": "4130",
            "organization": "Contoso",
            "division": "Products",
        },
    }


def group(name: str) -> dict[str, Any]:
    """Return a group without members."""
    return {"schemas": [GROUP_URN], "displayName": name, "externalId": f"entra-{name}"}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return a PatchOp message."""
    return {"schemas": [PATCH_OP_URN], "Operations": list(operations)}


def set_active(value: bool) -> dict[str, Any]:
    """Return the patch that lets a user in or keeps them out."""
    return patch({"op": "replace", "path": "active", "value": value})


def add_member(member_id: str) -> dict[str, Any]:
    """Return the patch that adds one member to a group."""
    return patch({"op": "add", "path": "members", "value": [{"value": member_id}]})


def remove_member(member_id: str) -> dict[str, Any]:
    """Return the patch that removes one member from a group."""
    return patch({"op": "remove", "path": f'members[value eq "{member_id}"]'})


def bulk(names: Sequence[str]) -> dict[str, Any]:
    """Return the bulk that creates users of these names."""
    return {
        "schemas": [BULK_REQUEST_URN],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": f"b{index}", "data": user(name)}
            for index, name in enumerate(names)
        ],
    }


def as_json(body: dict[str, Any]) -> str:
    """Return a body as it is sent."""
    return json.dumps(body, separators=(",", ":"))
