"""An organization with a connection and a token, and a client that speaks SCIM with it, in-process."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from scim_server import create_app, load_portals
from scim_server.actions.organizations import create_connection, create_organization
from scim_server.actions.tokens import issue_token, revoke
from scim_server.config import read_settings
from scim_server.protocol.catalog import GROUP_URN, USER_URN, Catalog
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.store.session import Actor, Connection, Credentials, Store, begin, begin_platform, open_store, utc_now
from scim_server.store.tables import TENANT_TABLES, connection_hours, trail
from scim_server.store.tokens import DigestKey, authenticate
from scim_server.web.requests import SCIM_PREFIX as SCIM_PREFIX
from scim_server.web.site import Site, extension_key
from tests.databases import Database

SECRET_KEY = "the secret key of the tests, long enough"
KEY = DigestKey.derive(SECRET_KEY)
NOBODY = "00000000-0000-7000-8000-000000000000"
"""An id of the right shape that nothing has."""

PORTALS = Path(__file__).with_name("plain_portals")
"""A portal profile that asks for nothing, for tests of everything else."""

_numbers = itertools.count(1)


def unique(stem: str) -> str:
    """Return a name that no other test of this run uses."""
    return f"{stem}-{next(_numbers)}"


def environment(database: Database, **settings: str) -> dict[str, str]:
    """Return the environment of a server on a database; names of settings come without their prefix."""
    return {
        "SCIM_SERVER_DATABASE_URL": database.app_url,
        "SCIM_SERVER_SECRET_KEY": SECRET_KEY,
        "SCIM_SERVER_RATE_LIMIT_PER_S": "0",  # A test sends as fast as it can.
        "SCIM_SERVER_PORTALS_DIR": str(PORTALS),
        **{f"SCIM_SERVER_{name.upper()}": value for name, value in settings.items()},
    }


@contextmanager
def running_app(database: Database, **settings: str) -> Iterator[Flask]:
    """Have an app on a database, as the role that is neither owner nor superuser; its pool is closed after."""
    app = create_app(read_settings(environment(database, **settings)))
    try:
        yield app
    finally:
        site_of(app).counts._tallies.clear()  # Nothing is left to be written when the tests end.
        site_of(app).store.close()


@contextmanager
def opened(
    database: Database, catalog: Catalog, clock: Callable[[], datetime] = utc_now, **options: Any
) -> Iterator[Store]:
    """Have a store on a database, without an app around it; its pool is closed after."""
    store = open_store(database.app_url, catalog, load_portals(PORTALS), clock=clock, **options)
    try:
        yield store
    finally:
        store.close()


def site_of(app: Flask) -> Site:
    """Return the site of an app."""
    site = app.extensions[extension_key()]
    assert isinstance(site, Site)
    return site


def set_clock(app: Flask, clock: Callable[[], datetime]) -> None:
    """Let the app read the time from a clock of the test's own."""
    site = site_of(app)
    app.extensions[extension_key()] = replace(site, store=replace(site.store, clock=clock))


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization of a test's own, under an operator's credentials."""

    store: Store
    id: str
    slug: str
    operator: Credentials

    def connection(self, name: str = "default", profile: str = "lenient") -> Credentials:
        """Return what a token of a connection proves; one that is not ``default`` is made."""
        return self.prove(self.token(name, profile))

    def token(
        self, name: str = "default", profile: str = "lenient", scope: str = "scim", lifetime: timedelta | None = None
    ) -> str:
        """Issue a token of a connection; one that is not there yet is made."""
        with begin(self.store, self.operator, write=True) as tenant:
            if name != "default":
                create_connection(tenant, name, profile)
            return issue_token(tenant, KEY, name, scope, lifetime)[1]

    def prove(self, token: str, request_id: str = "test") -> Credentials:
        """Return what a token proves."""
        return authenticate(self.store, KEY, token, request_id)

    def revoke(self, token: str) -> None:
        """Revoke a token, as an operator does."""
        token_id = self.prove(token).actor.id
        with begin(self.store, self.operator, write=True) as tenant:
            assert revoke(tenant, token_id)
        a_second_later(self.store)


def new_organization(store: Store, portal: str = "plain") -> Organization:
    """Make an organization under a portal profile, with its connection ``default``."""
    slug = unique("org")
    with begin_platform(store, write=True) as platform:
        name = f"The organization {slug}"
        made = create_organization(platform, store, slug, name, actor_id="the tests", portal=portal)
    return Organization(store, made.id, slug, Credentials(made.id, Actor("operator", "the tests")))


def a_second_later(store: Store) -> None:
    """Forget what is known of tokens, as time does."""
    store.known_tokens._found.clear()


@dataclass(frozen=True, slots=True)
class Client:
    """Sends JSON with the token of a connection, and reads JSON; paths start at the SCIM base URL."""

    http: FlaskClient
    organization: Organization
    credentials: Credentials
    token: str

    @property
    def connection(self) -> Connection:
        assert self.credentials.actor.connection is not None
        return self.credentials.actor.connection

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; an underscore in the name of a header is a hyphen."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        sent.update((name.replace("_", "-"), value) for name, value in headers.items())
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        return self.http.open(f"{SCIM_PREFIX}{path}", method=method, data=data, headers=sent)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, *operations: Mapping[str, Any], **headers: str) -> TestResponse:
        return self.send("PATCH", path, patch_body(*operations), **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.send("DELETE", path, **headers)

    def read(self, path: str) -> Any:
        """Return the JSON of a resource or list that is there."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.json

    def new_user(self, user_name: str | None = None, **attributes: Any) -> str:
        """Create a user and return its id."""
        return self._created("/Users", user_body(user_name or unique("user"), **attributes))

    def new_group(self, display_name: str | None = None, members: Sequence[str] = (), **attributes: Any) -> str:
        """Create a group and return its id."""
        return self._created("/Groups", group_body(display_name or unique("group"), members, **attributes))

    def _created(self, path: str, body: Mapping[str, Any]) -> str:
        response = self.post(path, body)
        assert response.status_code == 201, response.text
        return str(response.get_json()["id"])

    def members(self, group_id: str) -> set[str]:
        """Return the ids of the members of a group."""
        listed = [member["value"] for member in self.read(f"/Groups/{group_id}").get("members", ())]
        assert len(set(listed)) == len(listed), "a member is listed twice"
        return set(listed)

    def groups(self, user_id: str) -> dict[str, str]:
        """Return the ids of the groups of a user, each with its type."""
        return {group["value"]: group["type"] for group in self.read(f"/Users/{user_id}").get("groups", ())}


def new_client(
    app: Flask,
    organization: Organization | None = None,
    connection: str = "default",
    profile: str = "lenient",
    scope: str = "scim",
) -> Client:
    """Return a client with a token; without an organization, it gets one of its own."""
    organization = organization or new_organization(site_of(app).store)
    token = organization.token(connection, profile, scope)
    return Client(app.test_client(), organization, organization.prove(token), token)


def contents(client: Client) -> dict[str, set[str]]:
    """Return every row of the organization, by table, but for the counts of requests."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        return {
            table.name: {
                str(tuple(row)) for row in tenant.db.execute(select(table).where(table.c.org_id == tenant.org_id))
            }
            for table in TENANT_TABLES
            if table is not connection_hours
        }


def trail_of(organization: Organization) -> list[Any]:
    """Return what the trail says of an organization, in order."""
    with begin(organization.store, organization.operator, write=False) as tenant:
        rows = tenant.db.execute(select(trail).where(trail.c.org_id == tenant.org_id).order_by(trail.c.id))
        return list(rows)


def trail_actions(client: Client, resource_id: str) -> list[str]:
    """Return what the trail says was done to a resource, in order."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        rows = tenant.db.scalars(
            select(trail.c.action)
            .where(trail.c.org_id == tenant.org_id, trail.c.resource_id == resource_id)
            .order_by(trail.c.id)
        )
        return sorted(rows)


def user_body(user_name: str, **attributes: Any) -> dict[str, Any]:
    """Return a user as a client sends it."""
    return {"schemas": [USER_URN], "userName": user_name, **attributes}


def group_body(display_name: str, members: Sequence[str] = (), **attributes: Any) -> dict[str, Any]:
    """Return a group as a client sends it."""
    return {
        "schemas": [GROUP_URN],
        "displayName": display_name,
        "members": [{"value": each} for each in members],
        **attributes,
    }


def patch_body(*operations: Mapping[str, Any]) -> dict[str, Any]:
    """Return a PatchOp message."""
    return {"schemas": [PATCH_OP_URN], "Operations": list(operations)}


def add_members(*ids: str) -> dict[str, Any]:
    """Return the operation that adds members."""
    return {"op": "add", "path": "members", "value": [{"value": each} for each in ids]}


def remove_member(member_id: str) -> dict[str, Any]:
    """Return the operation that removes one member."""
    return {"op": "remove", "path": f'members[value eq "{member_id}"]'}
