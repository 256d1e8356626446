"""Nothing of an organization shows in another through the API, and nobody without a token sees anything."""

import itertools
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from scim_server.actions.tokens import issue_token
from scim_server.store.session import begin
from scim_server.web.api.operations import OPERATIONS, Operation
from scim_server.web.problems import API_PREFIX
from tests.api import ApiClient, api_client, problem_of
from tests.directory import KEY, NOBODY, Client, a_second_later, contents, new_client, unique
from tests.member_files import filled_import
from tests.web.oauth.clients import register

pytestmark = pytest.mark.usefixtures("both_paths")

MARK = "zzmarkofanother"
SCOPES = ("members:read", "members:write", "org:admin")
BODIES: dict[str, dict[str, object]] = {
    "create_an_organization": {"slug": "taken", "name": "taken"},
    "change_an_organization": {"name": "taken"},
    "delete_an_organization": {"confirm": "?"},
    "create_a_connection": {"name": "taken"},
    "change_a_connection": {"enabled": False},
    "issue_a_token": {"connection": "default"},
    "start_a_rotation": {"old_ends_in_days": 1},
    "create_a_client": {"name": "taken", "connection": "default"},
    "rotate_the_secret": {"keep_days": 0},
    "create_a_member": {"attributes": {"userName": "taken"}},
    "change_a_member": {"active": False},
    "set_roles_of_a_member": {"roles": []},
    "create_a_group": {"attributes": {"displayName": "taken"}},
    "change_a_group": {"attributes": {"displayName": "taken"}},
    "add_members": {"members": [NOBODY]},
    "create_a_mapping": {"connection": "default", "source": "role", "value": "taken", "group": NOBODY},
    "preview_mappings": {"remove": NOBODY},
    "assign_an_object": {"object": "order:1", "assignees": [NOBODY]},
    "close_assignments_of_an_object": {"object": "order:1"},
    "hand_over_assignments": {"to": NOBODY},
    "read_an_invitation": {"link": "x" * 43},
    "accept_an_invitation": {"link": "x" * 43, "password": "a password of theirs"},
    "request_a_password_reset": {"address": "taken@example.com"},
    "complete_a_password_reset": {"link": "x" * 43, "password": "a password of theirs"},
    "give_consents_of_a_member": {"consents": {}},
    "create_a_hand_over": {"to_member": NOBODY, "reason": "taken"},
    "attach_the_evidence": {"name": "taken", "type": "text/plain", "content": "dGFrZW4="},
    "approve_a_hand_over": {},
    "reject_a_hand_over": {},
    "preview_a_portal": {"portal": "archive"},
    "change_the_portal": {"portal": "archive"},
    "name_a_deputy": {"member": None},
}
QUERIES = {"check_a_permission": "?permission=members:manage"}


@pytest.fixture
def other(app: Flask) -> Client:
    """A client of SCIM of another organization, with a user and a group whose every value is marked."""
    client = new_client(app)
    user = client.new_user(f"{MARK}-user", externalId=MARK)
    client.new_group(f"{MARK}-group", [user], externalId=MARK)
    return client


@pytest.fixture
def ids(app: Flask, other: Client) -> dict[str, str]:
    """What the paths of the API name in the other organization."""
    user, group = (other.read(f"/{endpoint}")["Resources"][0]["id"] for endpoint in ("Users", "Groups"))
    registered = register(other.organization, name=f"{MARK}-client").id
    api = api_client(app, "org:admin", organization=other.organization)
    role = api.read("roles")["items"][0]["id"]
    wanted = {"connection": "default", "source": "role", "value": MARK, "group": role}
    named = {"token": other.credentials.actor.id, "client": registered, "mapping": api.made("mappings", wanted)["id"]}
    named["import_id"] = filled_import(other.organization, MARK)
    places = {"session": NOBODY, "tombstone": user}
    evidence = {"name": MARK, "type": "text/plain", "content": "eg=="}
    asked = {"to_member": user, "reason": MARK, "evidence": evidence}
    named["hand_over"] = api.made("hand-overs", asked)["id"]
    return {"connection": other.connection.id, "group": group, "member": user, **places, **named}


@pytest.fixture
def own(app: Flask) -> ApiClient:
    """A client with every scope there is but that of operators."""
    return api_client(app, *SCOPES)


def _answers(client: ApiClient, organization: str, ids: dict[str, str]) -> Iterator[tuple[Operation, TestResponse]]:
    """Yield the answer of every operation to a request for these."""
    values = {"organization": organization, **ids}
    for each in OPERATIONS:
        # An operation with a new kind of argument or a body needs values here: KeyError otherwise.
        path = re.sub(r"<(\w+)>", lambda match: values[match[1]], each.path)
        body = BODIES[each.name] if each.body is not None else None
        if each.name == "delete_an_organization":
            body = {"confirm": organization}
        yield each, client.send(each.method, f"{path}{QUERIES.get(each.name, '')}", body)


@pytest.mark.parametrize("named_by", ["slug", "id"])
def test_another_organization_is_as_one_that_does_not_exist(
    own: ApiClient, other: Client, ids: dict[str, str], named_by: str
) -> None:
    """Every operation answers the same 404, by slug and by id, and changes nothing."""
    before = contents(other)
    named = getattr(other.organization, named_by)
    missing = unique("missing") if named_by == "slug" else NOBODY
    nothing = _answers(own, missing, ids)
    for (each, there), (_, not_there) in zip(_answers(own, named, ids), nothing, strict=True):
        assert MARK not in there.text
        if "<organization>" not in each.path:
            continue
        problem_of(there, 404)
        assert there.text.replace(named, "?") == not_there.text.replace(missing, "?"), each.name
    assert contents(other) == before


def test_what_is_in_another_organization_is_not_in_the_own(own: ApiClient, other: Client, ids: dict[str, str]) -> None:
    """Its ids name nothing here, whatever the operation: 404, or as for an id that nothing has."""
    before = contents(other)
    missing = dict.fromkeys(ids, NOBODY)
    both = (_answers(own, own.organization.slug, each) for each in (ids, missing))
    seen = 0
    for (each, there), (_, not_there) in zip(*both, strict=True):
        assert MARK not in there.text, each.name
        if any(f"<{name}>" in each.path for name in ids):
            assert there.status_code == not_there.status_code == (403 if each.scope == "operator" else 404), each.name
            seen += 1
    assert seen >= 18
    assert contents(other) == before
    a_second_later(other.organization.store)
    assert other.get("/Users").status_code == 200


def test_no_filter_and_no_search_finds_another_organization(own: ApiClient, other: Client) -> None:
    """Nor does the trail."""
    for path in (f"members?search={MARK}", f"groups?search={MARK}", f'members?filter=externalId eq "{MARK}"'):
        assert own.read(path)["total"] == 0
    (user,) = other.read("/Users")["Resources"]
    assert own.read(f"trail?resource={user['id']}")["items"] == []
    group = own.made("groups", {"attributes": {"displayName": "own"}})["id"]
    problem_of(own.post(f"groups/{group}/members", {"members": [user["id"]]}), 400)


def test_a_cursor_of_another_organization_is_none(app: Flask, own: ApiClient) -> None:
    """A page starts where a cursor of the same organization says."""
    other = api_client(app, *SCOPES)
    for client, _ in itertools.product((own, other), range(2)):
        client.made("groups", {"attributes": {"displayName": unique("group")}})
    cursor = other.read("groups?limit=1")["next_cursor"]
    assert own.get(f"groups?limit=1&cursor={cursor}").status_code == 400


def test_no_operation_answers_without_a_token(app: Flask, other: Client, ids: dict[str, str]) -> None:
    """Nor with the token of SCIM, where it is one of the same organization."""
    before = contents(other)
    nobody = ApiClient(app.test_client(), other.organization, "none")
    for _, answer in _answers(nobody, other.organization.slug, ids):
        problem_of(answer, 401)
    scim = ApiClient(app.test_client(), other.organization, other.token)
    for _, answer in _answers(scim, other.organization.slug, ids):
        problem_of(answer, 403)
    assert contents(other) == before


def test_the_token_of_a_person_reaches_nothing(app: Flask, other: Client) -> None:
    """It is for /Me alone."""
    store = other.organization.store
    with begin(store, other.organization.operator, write=True) as tenant:
        token = issue_token(tenant, KEY, "default", "me", None, f"{MARK}-user")[1]
    answer = app.test_client().get(f"{API_PREFIX}/organizations", headers={"Authorization": f"Bearer {token}"})
    problem_of(answer, 403)
