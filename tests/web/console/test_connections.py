"""Connecting an identity provider, its guide, its rules, and how it does."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask

from scim_server.store.session import begin
from scim_server.store.tokens import TokenRecord, list_of_connections
from tests.databases import only_postgresql
from tests.directory import NOBODY, Client, a_second_later, new_client, site_of, unique
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql

TOKEN = re.compile(r"scimsrv_[0-9A-Za-z]{36}")


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of its administrator."""
    return administrator(delegated)


def connected(on: Portal, name: str | None = None, **more: str) -> str:
    """Make a connection and return its id."""
    return str(on.api.made("connections", {"name": name or unique("entra"), **more})["id"])


def tokens_of(on: Portal, connection: str) -> list[TokenRecord]:
    """Return the tokens of a connection."""
    with begin(on.organization.store, on.organization.operator, write=False) as tenant:
        return list_of_connections(tenant, [connection])


def calling(on: Portal, token: str) -> Client:
    """Return the client of an identity provider that has a token."""
    return Client(on.app.test_client(), on.organization, on.organization.prove(token), token)


@pytest.mark.parametrize(
    ("provider", "profile", "said"),
    [
        ("entra", "entra", "Create your own application"),
        ("okta", "okta", "Unique identifier field for users"),
        ("google", "lenient", "Google sends people only, no groups"),
        ("onelogin", "lenient", "SCIM Provisioner with SAML (SCIM v2 Enterprise)"),
        ("jumpcloud", "lenient", "Token Key"),
        ("other", "lenient", "bearer token"),
    ],
)
def test_the_wizard_makes_a_connection_and_leads_to_its_guide(
    delegated: Portal, pages: Pages, provider: str, profile: str, said: str
) -> None:
    """It has the client profile of the provider; the guide says what to click there, and the address to paste."""
    guide = pages.done("/connections/new", {"provider": provider, "name": "Our people"})
    assert said in guide
    assert "http://localhost/scim/v2" in guide
    made = next(each for each in delegated.api.read("connections")["items"] if each["name"] == "Our people")
    assert made["profile"] == profile
    assert "Our people" in pages.read("/connections")


def test_what_the_wizard_cannot_make_is_said_in_its_form(pages: Pages) -> None:
    """A provider that is none, a name that is taken or missing, and what cannot be seen; what was typed stays."""
    for form, said in (
        ({"provider": "nobody"}, "choose one of what is offered"),
        ({"provider": "other", "name": "default"}, "there is a connection 'default' already"),
        ({"provider": "other", "name": " "}, "must have 1 to 200 characters"),
        ({"provider": "okta", "name": "a\x07b"}, "no control characters"),
    ):
        answer = pages.post("/connections/new", form)
        assert answer.status_code in (400, 409), said
        assert said in unescape(answer.text)
        if form["provider"] != "nobody":
            assert re.search(rf'value="{form["provider"]}" required checked', answer.text)


def test_the_guide_issues_a_token_that_this_answer_alone_has(delegated: Portal, pages: Pages) -> None:
    """It is of the scope scim and bound to the connection, in no redirect, no cookie and no page after."""
    connection = connected(delegated, profile="entra")
    place = f"/connections/{connection}/guide"
    answer = pages.post(place, {"lifetime": "90"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (token,) = set(TOKEN.findall(answer.text))
    assert token not in str(answer.headers)
    (record,) = tokens_of(delegated, connection)
    assert (record.scope, record.user_id) == ("scim", None)
    assert record.expires_at == record.created_at + timedelta(days=90)
    assert calling(delegated, token).get("/Users").status_code == 200
    assert not TOKEN.search(pages.read(place))
    assert not TOKEN.search(pages.read(f"/connections/{connection}"))


def test_the_check_turns_green_with_the_first_request(delegated: Portal, pages: Pages) -> None:
    """Until then the page asks again by itself; a status says it to who does not see it."""
    connection = connected(delegated)
    place = f"/connections/{connection}/guide"
    token = TOKEN.findall(pages.post(place, {"lifetime": ""}).text)[0]
    waiting = pages.read(place)
    assert 'role="status"' in waiting
    assert "data-refresh" in waiting
    assert calling(delegated, token).get("/Users").status_code == 200
    green = pages.read(place)
    assert "data-refresh" not in green
    assert "It works" in green


def test_the_list_says_how_each_does_and_which_tokens_end_soon(delegated: Portal, pages: Pages) -> None:
    """In sentences; of those that nobody has called yet, too."""
    entra = new_client(delegated.app, delegated.organization, connection="entra")
    delegated.organization.token("soon", lifetime=timedelta(days=10, hours=1))
    entra.get("/Users")
    assert entra.get(f"/Users/{NOBODY}").status_code == 404
    site_of(delegated.app).counts.write(site_of(delegated.app).store, patiently=True)
    listed = pages.read("/connections")
    assert "Last request" in listed
    assert "1 error today." in listed
    assert "A token ends within 11 days" in listed
    assert "No request has come yet." in listed
    page = pages.read(f"/connections/{entra.connection.id}")
    assert "answered with 404." in page
    assert NOBODY in page


def test_connections_are_paged(delegated: Portal, pages: Pages) -> None:
    """Twenty on a page, in the order of their names; each is met once."""
    names = {connected(delegated, f"c{number:02}") for number in range(25)}
    first = pages.read("/connections")
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = unescape(pages.http.get(unescape(following[1])).text)
    for shown in (first, second):
        assert 4 < len(re.findall(r'<th scope="row">', shown)) <= 20
    assert all(sum(f"/connections/{each}" in page for page in (first, second)) == 1 for each in names)


def test_the_rules_are_chosen_and_nobody_undoes_what_they_did_not_see(delegated: Portal, pages: Pages) -> None:
    """A form from before another's change is refused, with what was chosen in it."""
    connection = connected(delegated)
    place = f"/connections/{connection}/rules"
    rules = {"on_inactive": "reactivate", "on_existing": "adopt", "on_delete": "soft", "profile": "okta"}
    pages.done(place, {"version": "1", **rules})
    made = delegated.api.read(f"connections/{connection}")
    assert {name: made[name] for name in rules} == rules
    late = pages.post(place, {"version": "1", **rules, "on_delete": "hard"})
    assert late.status_code == 412
    assert 'id="on_delete-hard" name="on_delete" value="hard" required checked' in late.text
    assert pages.post(place, {"version": "2", **rules, "on_delete": "maybe"}).status_code == 400
    assert pages.post(place, rules).status_code == 400
    assert delegated.api.read(f"connections/{connection}")["on_delete"] == "soft"


def test_disabling_is_confirmed_and_refuses_requests(delegated: Portal, pages: Pages) -> None:
    """The page before says what happens; enabling takes them again."""
    entra = new_client(delegated.app, delegated.organization, connection="entra")
    place = f"/connections/{entra.connection.id}"
    assert "People keep their access" in pages.read(f"{place}/disable")
    assert delegated.api.read(f"connections/{entra.connection.id}")["enabled"]
    pages.done(f"{place}/disable")
    a_second_later(site_of(delegated.app).store)
    assert entra.get("/Users").status_code == 401
    assert "disabled: its requests are refused" in pages.read(f"{place}/guide")
    pages.done(f"{place}/enable")
    a_second_later(site_of(delegated.app).store)
    assert entra.get("/Users").status_code == 200


def test_who_does_not_manage_members_sees_none_of_it(delegated: Portal) -> None:
    """They are told whom to ask, whatever the page, and change nothing."""
    connection = connected(delegated)
    pages = signed_in(delegated, delegated.member("ada", "invoice-management"))
    for path in ("", "/new", f"/{connection}", f"/{connection}/guide", f"/{connection}/tokens/new"):
        assert pages.get(f"/connections{path}").status_code == 403
    assert pages.get("/mappings").status_code == pages.get("/settings").status_code == 403
    sent = pages.post(f"/connections/{connection}/guide", {"lifetime": ""}, of="/settings")
    assert sent.status_code == 403
    assert not tokens_of(delegated, connection)


def test_nothing_of_another_organization_is_reached(delegated: Portal, pages: Pages, app: Flask) -> None:
    """Its connections, tokens and clients are not there, by their ids, nor beside a connection of one's own."""
    other, own = portal(app), connected(delegated)
    foreign = new_client(app, other.organization, connection="entra")
    connection, token = foreign.connection.id, foreign.credentials.actor.id
    client = other.api.made("clients", {"name": "theirs", "connection": "entra"})["id"]
    ours = new_client(app, delegated.organization, connection="ours").credentials.actor.id
    ways = ["", "/guide", "/rules", "/disable", "/tokens", "/tokens/new", "/clients/new"]
    steps = [f"/tokens/{each}/{way}" for each in (token, ours) for way in ("rotate", "complete", "cancel", "revoke")]
    steps += [f"/clients/{client}/{way}" for way in ("rotate", "disable")]
    for path in [f"/connections/{connection}{way}" for way in [*ways, *steps]]:
        assert pages.get(path).status_code == 404, path
        assert pages.post(path, {"lifetime": ""}, of="/connections/new").status_code == (
            405 if path.endswith(("/tokens", connection)) else 404
        )
    for way in steps:
        assert pages.get(f"/connections/{own}{way}").status_code == 404
        assert pages.post(f"/connections/{own}{way}", of="/connections/new").status_code == 404
    assert pages.get("/connections/default").status_code == 404
    a_second_later(site_of(app).store)
    assert foreign.get("/Users").status_code == 200
    assert connection not in pages.read("/connections")
