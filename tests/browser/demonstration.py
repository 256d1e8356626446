"""The organizations of the demo, and an address on each of their pages."""

import re
from typing import Any

from flask import Flask

from scim_server.actions.organizations import operator_credentials
from scim_server.demo import ADMINISTRATOR, fill_demo
from tests.api import api_client
from tests.directory import Organization, site_of
from tests.portals import Portal
from tests.web.console.pages import PASSWORD

OTHER, LEFT = "hugo.bernard", "arthur.simon"
"""A member whom the administrator may change, to whom something is assigned, and one who has left; before the @."""

FILES = {"export_members", "export_history", "import_template"}
"""Pages that are none: what they answer is downloaded."""


def demo_portal(app: Flask, profile: str) -> Portal:
    """Return the organization that the demo has under a profile, made if need be."""
    store = site_of(app).store
    fill_demo(store, PASSWORD, "the tests")
    credentials = operator_credentials(store, profile, actor_id="the tests")
    organization = Organization(store, credentials.org_id, profile, credentials)
    return Portal(app, api_client(app, "org:admin", organization=organization))


def administrator_of(on: Portal) -> str:
    """Return the id of the administrator of such an organization."""
    return _member(on, ADMINISTRATOR)


def _member(on: Portal, name: str) -> str:
    (found,) = on.api.read(f'members?filter=userName eq "{name}@{on.organization.slug}.example"')["items"]
    return str(found["id"])


def _role(on: Portal) -> str:
    """Return the id of a role: one of the organization's own where its profile has such."""
    found = [each["id"] for each in on.api.read("roles")["items"] if each["key"] is None]
    return str(found[0] if found else next(iter(on.roles().values())))


def addresses(app: Flask, on: Portal) -> dict[str, str]:
    """Return the path of each page of an organization below its own, by endpoint, with something that is there."""

    def first(path: str) -> dict[str, Any]:
        return dict(on.api.read(path)["items"][0])

    def group(kind: str) -> str:
        found = on.api.read(f"groups?kind={kind}")["items"]
        return str(found[0]["id"]) if found else ""

    values = {
        "member": _member(on, OTHER),
        "role": _role(on),
        "team": group("team"),
        "group": group("customerGroup"),
        "connection": next(each["id"] for each in on.api.read("connections")["items"] if each["name"] == "Entra ID"),
        "mapping": first("mappings")["id"],
        "import_id": first("imports")["id"],
    }
    found, left = {}, _member(on, LEFT)
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/console/<organization>") or "GET" not in (rule.methods or ()):
            continue
        path = rule.rule.removeprefix("/console/<organization>")
        names = re.findall(r"<(?:\w+:)?(\w+)>", path)
        if all(values.get(name) for name in names):
            endpoint = rule.endpoint.removeprefix("console.")
            theirs = {**values, "member": left} if endpoint == "member_erase" else values
            for name in names:
                path = re.sub(rf"<(?:\w+:)?{name}>", theirs[name], path)
            found[endpoint] = path
    return found
