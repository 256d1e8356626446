"""Two organizations that act at once on one server: no byte of one is in an answer to the other."""

import base64
import http.client
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from flask import Flask

from scim_server.actions.organizations import create_connection
from scim_server.actions.tokens import issue_token
from scim_server.store.session import begin
from scim_server.web.api.operations import OPERATIONS, Operation
from scim_server.web.problems import API_PREFIX
from tests.api import api_client
from tests.databases import only_postgresql
from tests.directory import (
    KEY,
    NOBODY,
    SCIM_PREFIX,
    Organization,
    add_members,
    group_body,
    new_client,
    patch_body,
    unique,
    user_body,
)
from tests.member_files import filled_import
from tests.serving import Served
from tests.web.oauth.clients import REDIRECT_URI, Registered, register
from tests.web.oauth.test_authorize import GRANTS, Okta

THREADS = 8
REQUESTS = 10_000
AREAS = ("/scim", "/api", "/oauth", "/.well-known")

# Ids, tokens, and the codes of consents.
_GIVEN = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|scimsrv_\w{36}|(?<=[?&]code=)[\w-]{43}")
# The health of a connection repeats what a refusal said, which had repeated what was asked for.
_REPEATED = re.compile(rb'"last_error_detail":"(?:[^"\\]|\\.)*"')
_BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_JSON, _SCIM, _FORM = "application/json", "application/scim+json", "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request; a form where its body is bytes."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Side:
    """An organization: its credentials, its mark, which is in each of its values, and what it has been given."""

    organization: Organization
    mark: str
    token: str
    client: Registered
    users: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    """Those that a connection provisions, as it does the users."""
    teams: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """What else paths of the API name."""
    person: str = ""
    portal: str = ""
    access: str = ""
    refresh: str = ""
    consent: str = ""
    """The query of an authorization request."""
    proof: str = ""
    cookie: str = ""
    given: list[str] = field(default_factory=list)
    """Access tokens that may be ended."""
    cursors: list[str] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)

    def name(self) -> str:
        return unique(f"{self.mark}-name")

    def user(self) -> dict[str, Any]:
        """Return a user with a value wherever a client puts one."""
        name = self.name()
        return user_body(
            name,
            externalId=name,
            displayName=name,
            title=name,
            name={"givenName": name, "familyName": name},
            emails=[{"value": f"{name}@{self.mark}.example", "type": "work"}],
        )

    def group(self) -> dict[str, Any]:
        return group_body(self.name(), random.sample(self.users, 2), externalId=self.name())


def _scim(own: Side, method: str, path: str, body: Any = None) -> Sent:
    token = own.person if path == "/Me" else random.choice([own.token, own.access])
    return Sent(method, f"{SCIM_PREFIX}{path}", body, {"Authorization": f"Bearer {token}", "Content-Type": _SCIM})


def _one(own: Side, other: Side) -> tuple[str, str]:
    """Return the path of a resource and its id: now and then, that of the other organization."""
    side = other if random.random() < 0.2 else own
    endpoint = random.choice(["Users", "Groups"])
    chosen = random.choice(side.users if endpoint == "Users" else side.groups)
    return f"/{endpoint}/{chosen}", chosen


def _filter(text: str) -> str:
    return f"count=5&filter={quote(text)}"


def _list(own: Side, other: Side) -> Sent:
    wanted = random.choice(
        [
            "count=5",
            "count=5&startIndex=3",
            "sortBy=id&count=3",
            _filter(f'externalId sw "{own.mark}"'),
            _filter(f'externalId co "{other.mark}" or displayName pr'),
            _filter(f'id eq "{random.choice(other.users)}"'),
        ]
    )
    return _scim(own, "GET", f"/{random.choice(['Users', 'Groups'])}?{wanted}")


def _search(own: Side, other: Side) -> Sent:
    wanted = random.choice([f'externalId sw "{other.mark}"', "externalId pr", f'userName sw "{own.mark}"'])
    path = random.choice(["", "/Users", "/Groups"]) + "/.search"
    return _scim(own, "POST", path, {"filter": wanted, "count": 5})


def _create(own: Side, _: Side) -> Sent:
    path, body = ("/Users", own.user()) if random.random() < 0.7 else ("/Groups", own.group())
    return _scim(own, "POST", path, body)


def _put(own: Side, other: Side) -> Sent:
    path, _ = _one(own, other)
    return _scim(own, "PUT", path, own.user() if "Users" in path else own.group())


def _patch(own: Side, other: Side) -> Sent:
    path, _ = _one(own, other)
    value = {"op": "replace", "path": "externalId", "value": own.name()}
    members = add_members(random.choice(random.choice([own, own, other]).users))
    return _scim(own, "PATCH", path, patch_body(members if "Groups" in path and random.random() < 0.5 else value))


def _delete(own: Side, other: Side) -> Sent:
    return _scim(own, "DELETE", _one(other, other)[0])


def _bulk(own: Side, other: Side) -> Sent:
    path, _ = _one(other, other)
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": own.user()},
        {"method": "DELETE", "path": path},
    ]
    return _scim(own, "POST", "/Bulk", {"schemas": [_BULK], "Operations": operations})


def _refused(path: str, *methods: str) -> Callable[[Side, Side], Sent]:
    return lambda own, _: _scim(own, random.choice(methods), path, own.user())


_API_BODIES: dict[str, Callable[[Side, Side], dict[str, Any]]] = {
    "create_an_organization": lambda own, _: {"slug": unique("slug"), "name": own.name()},
    "change_an_organization": lambda own, _: {"name": own.name()},
    "delete_an_organization": lambda _, other: {"confirm": other.organization.slug},
    "create_a_connection": lambda own, _: {"name": f"{own.mark} {random.randrange(20)}"},
    "issue_a_token": lambda *_: {"scope": "members:read", "expires_in_days": 1},
    "start_a_rotation": lambda *_: {"old_ends_in_days": 1},
    "create_a_client": lambda own, _: {"name": own.name(), "connection": "default"},
    "rotate_the_secret": lambda *_: {"keep_days": 0},
    "change_a_connection": lambda *_: {"on_existing": random.choice(["adopt", "refuse"])},
    "create_a_member": lambda own, _: {"attributes": _attributes(own.user())},
    "change_a_member": lambda own, _: {"attributes": {"title": own.name()}},
    "set_roles_of_a_member": lambda *_: {"roles": random.choice([[], ["administrator"]])},
    "create_a_group": lambda own, _: {"attributes": {"displayName": own.name()}},
    "change_a_group": lambda own, _: {"attributes": {"displayName": own.name()}},
    "assign_an_object": lambda own, other: {"object": "order:1", "assignees": [_somebody(own, other)]},
    "close_assignments_of_an_object": lambda *_: {"object": "order:1"},
    "hand_over_assignments": lambda own, other: {"to": _somebody(own, other)},
    "create_a_hand_over": lambda own, other: {"to_member": _somebody(own, other), "reason": own.name()},
    "attach_the_evidence": lambda own, _: {"name": own.name(), "type": "text/plain", "content": "eg=="},
    "approve_a_hand_over": lambda own, _: {"note": own.name()},
    "reject_a_hand_over": lambda own, _: {"note": own.name()},
    "read_an_invitation": lambda *_: {"link": _SECRET},
    "accept_an_invitation": lambda *_: {"link": _SECRET, "password": "a password of somebody", "consents": {}},
    "request_a_password_reset": lambda own, other: {"address": f"{random.choice([own, other]).mark}@mark.example"},
    "complete_a_password_reset": lambda *_: {"link": _SECRET, "password": "a password of somebody"},
    "create_a_mapping": lambda own, other: _mapping(own, other),
    "preview_mappings": lambda own, other: {"create": _mapping(own, other)},
    "preview_a_portal": lambda *_: {"portal": "contacts"},
    "change_the_portal": lambda *_: {"portal": "contacts"},
    "name_a_deputy": lambda own, other: {"member": _somebody(own, other)},
    "give_consents_of_a_member": lambda *_: {"consents": {}},
    "add_members": lambda own, other: {"members": [random.choice(random.choice([own, own, other]).users)]},
}


_SECRET = "x" * 43


def _somebody(own: Side, other: Side) -> str:
    """Return the id of a user, now and then of the other organization."""
    return random.choice(random.choice([own, own, other]).users)


def _mapping(own: Side, other: Side) -> dict[str, Any]:
    group = random.choice(random.choice([own, other]).groups)
    return {"connection": "default", "source": "role", "value": own.name(), "group": group}


def _attributes(user: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if name != "schemas"}


def _api(operation: Operation, own: Side, other: Side) -> Sent:
    """Return a request of an operation, now and then in the other organization, or for what is in it."""
    place, named = (other if random.random() < 0.15 else own for _ in range(2))
    if operation.method == "DELETE":
        place, named = random.choice([(own, other), (other, other), (other, own)])
    values = {
        "organization": random.choice([place.organization.slug, place.organization.id]),
        "mapping": NOBODY,
        "tombstone": NOBODY,
        "session": NOBODY,
        "hand_over": NOBODY,
        "group": random.choice([*named.groups, *named.teams]),
        # Not the first one, for whom the person's token stands: it ends with their access.
        "member": random.choice(named.users[1:]),
        **named.ids,
    }
    path = re.sub(r"<(\w+)>", lambda match: values[match[1]], operation.path)
    headers = {"Authorization": f"Bearer {own.portal}", "Content-Type": _JSON}
    if operation.method == "POST" and random.random() < 0.5:
        headers["Idempotency-Key"] = str(random.randrange(1_000))
    query = {name: value for name, value in _queries(own, other).items() if name in operation.query.fields}
    body: Any = None if operation.body is None else _API_BODIES[operation.name](own, other)
    if operation.takes_csv:
        headers = {**headers, "Content-Type": "text/csv"}
        headers.pop("Idempotency-Key", None)
        name = own.name()
        body = f"userName,title\n{name},{name}\n".encode()
    return Sent(operation.method, f"{API_PREFIX}{path}" + (f"?{urlencode(query)}" if query else ""), body, headers)


def _queries(own: Side, other: Side) -> dict[str, Any]:
    asked: dict[str, Any] = {"limit": 5}
    chance = random.random()
    if chance < 0.2:
        asked["search"] = other.mark
    elif chance < 0.4:
        asked |= {"filter": f'externalId sw "{other.mark}"', "resource": random.choice(other.users)}
    elif chance < 0.6 and (cursors := random.choice([own, other]).cursors):
        asked["cursor"] = random.choice(cursors)
    return asked


def _oauth(own: Side, path: str, **form: str) -> Sent:
    """Return what a client sends, which proves itself by its secret."""
    id_, secret = own.client.basic
    headers = {"Content-Type": _FORM}
    if random.random() < 0.5:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{id_}:{secret}".encode()).decode()
    else:
        form |= {"client_id": id_, "client_secret": secret}
    return Sent("POST", f"/oauth/{path}", urlencode(form).encode(), headers)


def _token(own: Side, other: Side) -> Sent:
    """Ask for an access token; now and then for what is the other's."""
    chance = random.random()
    if chance < 0.15:
        return _oauth(own, "token", grant_type="refresh_token", refresh_token=other.refresh)
    if chance < 0.3:
        scope = {"code": "x" * 43, "redirect_uri": REDIRECT_URI, "code_verifier": "v" * 64}
        return _oauth(own, "token", grant_type="authorization_code", **scope)
    if chance < 0.45:
        return _oauth(replace(own, client=replace(own.client, client=other.client.client)), "token", grant_type=_CLIENT)
    return _oauth(own, "token", grant_type=_CLIENT)


_CLIENT = "client_credentials"


def _any_token(own: Side, other: Side, *own_too: str) -> str:
    """Return a token of the other organization, or one of those of the own."""
    if random.random() < 0.5 or not own_too:
        return random.choice([other.token, other.access, other.refresh, other.portal, other.person, *other.given[-3:]])
    return random.choice(own_too)


def _decide(own: Side, other: Side) -> Sent:
    """Consent to the own client, with the token of an administrator of either organization."""
    token = random.choice([own.portal, other.portal])
    form = {"proof": own.proof, "decision": "allow", "token": token}
    headers = {"Content-Type": _FORM, "Cookie": own.cookie}
    return Sent("POST", f"/oauth/authorize?{own.consent}", urlencode(form).encode(), headers)


def _report(own: Side, _: Side) -> Sent:
    token = own.given.pop() if own.given else own.token[:-1] + "?"
    return Sent("POST", "/oauth/revoke-leaked", urlencode({"token": token}).encode(), {"Content-Type": _FORM})


PLACES: dict[str, Callable[[Side, Side], Sent]] = {
    "discovery.get_service_provider_config": lambda own, _: _scim(own, "GET", "/ServiceProviderConfig"),
    "discovery.list_schemas": lambda own, _: _scim(own, "GET", "/Schemas"),
    "discovery.get_schema": lambda own, _: _scim(own, "GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"),
    "discovery.list_resource_types": lambda own, _: _scim(own, "GET", "/ResourceTypes"),
    "discovery.get_resource_type": lambda own, _: _scim(own, "GET", "/ResourceTypes/User"),
    "discovery.refuse_change": _refused("/Schemas", "POST", "PUT", "PATCH", "DELETE"),
    "search.list_all": lambda own, _: _scim(own, "GET", "?" + _filter(f'externalId sw "{own.mark}"')),
    "search.list_resources": _list,
    "search.search_all": _search,
    "search.search_one": _search,
    "search.refuse_search": _refused("/Users/.search", "PUT", "DELETE"),
    "bulk.bulk": _bulk,
    "bulk.refuse_bulk": _refused("/Bulk", "PUT", "DELETE"),
    "me.read_me": lambda own, _: _scim(own, "GET", "/Me"),
    "me.change_me": lambda own, _: _scim(
        own, "PATCH", "/Me", patch_body({"op": "replace", "path": "title", "value": own.name()})
    ),
    "me.refuse_me": _refused("/Me", "POST", "PUT", "DELETE"),
    "resources.read_resource": lambda own, other: _scim(own, "GET", _one(own, other)[0]),
    "resources.create_resource": _create,
    "resources.put_resource": _put,
    "resources.change_resource": _patch,
    "resources.remove_resource": _delete,
    **{f"api.{each.name}": partial(_api, each) for each in OPERATIONS},
    "api.openapi": lambda *_: Sent("GET", f"{API_PREFIX}/openapi.json"),
    "api.docs": lambda *_: Sent("GET", f"{API_PREFIX}/docs"),
    "oauth.give_token": _token,
    "oauth.revoke_one": lambda own, other: _oauth(own, "revoke", token=_any_token(own, other, *own.given[-3:])),
    "oauth.introspect": lambda own, other: _oauth(
        own, "introspect", token=_any_token(own, other, own.token, own.access, own.refresh)
    ),
    "oauth.show_consent": lambda own, _: Sent("GET", f"/oauth/authorize?{own.consent}"),
    "oauth.decide": _decide,
    "oauth.metadata": lambda *_: Sent("GET", "/.well-known/oauth-authorization-server"),
    "oauth.describe_tokens": lambda *_: Sent("GET", "/oauth/revoke-leaked"),
    "oauth.report_leak": _report,
}
"""For each view, a request of it as one organization makes it, while the other acts too."""


def _side(app: Flask) -> Side:
    """Make an organization with all the credentials there are, each object of it with its mark."""
    scim = new_client(app)
    organization, mark = scim.organization, unique("zz").replace("-", "") + random.randbytes(4).hex()
    client = register(organization, name=mark, grant_types=(_CLIENT, *GRANTS), redirect_uris=(REDIRECT_URI,))
    side = Side(organization, mark, scim.token, client)
    side.users = [scim._created("/Users", side.user()) for _ in range(8)]
    side.groups = [scim._created("/Groups", side.group()) for _ in range(4)]
    with begin(organization.store, organization.operator, write=True) as tenant:
        name = scim.read(f"/Users/{side.users[0]}")["userName"]
        side.person = issue_token(tenant, KEY, "default", "", None, name)[1]
        side.portal = issue_token(tenant, KEY, None, "org:admin", None)[1]
        spare, connection = create_connection(tenant, f"{mark} spare", "lenient"), scim.connection.id
        spare_token = issue_token(tenant, KEY, spare.name, "scim", None)[0]
    # What an operation of the API may end.
    spare_client = register(organization, name=f"{mark} spare").id
    side.ids = {"connection": connection, "token": spare_token.id, "client": spare_client}
    api = api_client(app, "org:admin", organization=organization)
    side.teams = [api.made("groups", {"attributes": {"displayName": side.name()}})["id"] for _ in range(4)]
    side.ids["import_id"] = filled_import(organization, mark)
    okta = Okta(app.test_client(), organization, client, [])
    tokens = okta.exchange(okta.code(token=side.portal)).get_json()
    side.access, side.refresh = tokens["access_token"], tokens["refresh_token"]
    side.consent = urlencode(okta.query())
    page = okta.http.get(f"/oauth/authorize?{side.consent}")
    (side.proof,) = re.findall(r'name="proof" value="([0-9a-f]+)"', page.text)
    side.cookie = page.headers["Set-Cookie"].partition(";")[0]
    return side


def _act(url: str, own: Side, other: Side, views: Sequence[str]) -> None:
    """Send a request of each view, and hold every byte of its answer against the other organization."""
    address = urlsplit(url)
    assert address.hostname is not None
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=30)) as connection:
        for view in views:
            _ask(connection, own, other, view)


def _ask(connection: http.client.HTTPConnection, own: Side, other: Side, view: str) -> None:
    sent = PLACES[view](own, other)
    content = sent.body if isinstance(sent.body, bytes) else b"" if sent.body is None else orjson.dumps(sent.body)
    connection.request(sent.method, sent.path, content, dict(sent.headers))
    answer = connection.getresponse()
    body = answer.read()
    told = str(answer.getheaders()).encode() + body
    assert other.mark.encode() not in told, (sent, told)
    # A refusal may repeat what was asked for.
    own.seen.update(set(_GIVEN.findall(_REPEATED.sub(b"", told))) - set(_GIVEN.findall(sent.path.encode() + content)))
    assert answer.status < 500, (sent, told)
    own.statuses[f"{view} {answer.status}"] += 1
    _keep(own, other, view, content, body)


def _keep(own: Side, other: Side, view: str, content: bytes, body: bytes) -> None:
    """Keep what a later request needs of an answer, and hold introspection to its rule."""
    if view == "oauth.introspect":
        told, tokens = orjson.loads(body), (own.token, own.access, own.refresh)
        assert told["active"] is any(each.encode() in content for each in tokens), (content, told)
    elif view == "oauth.give_token" and b"access_token" in body:
        own.given.append(orjson.loads(body)["access_token"])
    elif view.startswith("api.") and b'"next_cursor":"' in body:
        own.cursors.append(orjson.loads(body)["next_cursor"])


def test_every_view_has_its_place(app: Flask) -> None:
    """A view that is added anywhere in these areas is made part of the requests below."""
    views = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith(AREAS)}
    assert views == PLACES.keys()
    with_body = {each.name for each in OPERATIONS if each.body is not None}
    assert with_body == _API_BODIES.keys()


# SQLite has one writer, behind whom all wait; tests/web/api/test_isolation.py and others send it one of each.
@only_postgresql
def test_two_organizations_at_once_see_nothing_of_each_other(app: Flask, served: Served) -> None:
    """In 10,000 answers to both, each through connections of its own, there is no value and no id of the other."""
    random.seed(7643)
    each = REQUESTS // THREADS // len(PLACES)
    sides = [_side(app), _side(app)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        views = [view for _ in range(each + 1) for view in PLACES]
        random.shuffle(views)
        try:
            _act(served.url, sides[number % 2], sides[1 - number % 2], views)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(side.statuses.total() for side in sides) >= REQUESTS
    assert sides[0].seen & sides[1].seen == set()
    assert min(len(side.seen) for side in sides) > 100
    _check_reach(sides[0].statuses + sides[1].statuses, each)


def _check_reach(statuses: Counter[str], each: int) -> None:
    """Hold that the requests did what they are for: each view has answered, and has refused."""
    for view in ("resources.read_resource", "resources.change_resource", "api.get_a_member", "api.change_a_group"):
        assert min(statuses[f"{view} 200"], statuses[f"{view} 404"]) > 0, statuses
    for view in (
        "resources.create_resource 201",
        "api.create_a_member 201",
        "oauth.give_token 200",
        "oauth.decide 303",
    ):
        assert statuses[view] > 2 * each, statuses
    for view in ("oauth.give_token 400", "oauth.give_token 401", "oauth.decide 403", "api.list_members 400"):
        assert statuses[view] > 0, statuses
    for view in ("resources.remove_resource", "api.delete_a_member", "api.delete_a_group"):
        assert statuses[f"{view} 404"] == statuses.total() // len(PLACES), statuses
    # Nothing that one revoked, reported or asked for has ended a token of the other.
    ended = {name for name in statuses if name.endswith(" 401")} - {"oauth.give_token 401"}
    assert ended == set(), statuses
