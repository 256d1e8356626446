"""Nothing that was issued can be read where it was not handed over: not in the database, not in the logs."""

import re
import socket
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from flask import Flask

from scim_server.actions.clients import rotate_secret
from scim_server.actions.sessions import sign_in
from scim_server.actions.tokens import issue_token, start_rotation
from scim_server.delivery.handlers import HANDLERS
from scim_server.delivery.mail import list_kept, open_mailer
from scim_server.delivery.worker import Desk, work
from scim_server.store.session import begin
from tests.databases import Database
from tests.directory import KEY, PORTALS, SECRET_KEY, new_organization, running_app, site_of, unique, user_body
from tests.serving import gunicorn
from tests.web.oauth.clients import REDIRECT_URI, assertion, by_assertion, jwks, new_key, register
from tests.web.oauth.test_authorize import CHALLENGE, GRANTS, VERIFIER, administrator_token

_ENVIRONMENT = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_PORTALS_DIR": str(PORTALS)}


def _dump(database: Database) -> str:
    """Return all rows of a database as text."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.app_url.removeprefix("sqlite:///"))) as db:
            return "\n".join(db.iterdump())
    with psycopg.connect(database.owner_url.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(str(row) for (table,) in tables for row in connection.execute(f"SELECT * FROM {table}"))


class Person:
    """Whoever uses a portal; `secrets` is all that they were given, or sent."""

    def __init__(self, app: Flask, url: str) -> None:
        self.url = url
        self.organization = new_organization(site_of(app).store)
        self.http = httpx.Client(trust_env=False)
        self.secrets: dict[str, str] = {}

    def keep(self, name: str, secret: str) -> str:
        """Keep a secret under a name of its own."""
        self.secrets[f"{name} {len(self.secrets)}"] = secret
        return secret

    def post(self, path: str, **options: Any) -> Any:
        """Send a form or JSON, which has to work, and return the JSON of the answer."""
        answer = self.http.post(f"{self.url}{path}", **options)
        assert answer.is_success, answer.text
        return answer.json()

    def keep_tokens(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Keep the tokens of an answer."""
        for name in ("access_token", "refresh_token"):
            if name in answer:
                self.keep(name, answer[name])
        return answer


def _static_tokens(person: Person) -> None:
    token = person.keep("static token", person.organization.token())
    token_id = person.organization.prove(token).actor.id
    with begin(person.organization.store, person.organization.operator, write=True) as tenant:
        person.keep("rotated token", start_rotation(tenant, KEY, token_id, timedelta(days=10), None)[1])
    password = person.keep("password", f"a pass phrase {unique('of')} ours")
    for scheme in ("Bearer ", ""):
        headers = {"Authorization": f"{scheme}{token}"}
        person.post("/scim/v2/Users", headers=headers, json=user_body(unique("user"), password=password))
        assert person.http.get(f"{person.url}/scim/v2/Users?filter=%22", headers=headers).status_code == 400
    # What is wrong is answered and logged without being repeated.
    for wrong in (f"Bearer {token}x", f"Basic {token}", f"Bearer {token} {token}"):
        assert person.http.get(f"{person.url}/scim/v2/Users", headers={"Authorization": wrong}).status_code == 401


def _client_credentials(person: Person) -> None:
    client = register(person.organization)
    person.keep("client secret", client.secret)
    with begin(person.organization.store, person.organization.operator, write=True) as tenant:
        person.keep("new client secret", rotate_secret(tenant, KEY, client.id, timedelta(days=1))[1])
    form = {"grant_type": "client_credentials"}
    for _ in range(2):
        tokens = person.keep_tokens(person.post("/oauth/token", data=form, auth=client.basic))
    person.post("/oauth/introspect", data={"token": tokens["access_token"]}, auth=client.basic)
    person.post("/oauth/revoke", data={"token": tokens["access_token"]}, auth=client.basic)
    assert person.http.post(f"{person.url}/oauth/token?client_secret=x", data=form, auth=client.basic).is_error
    key = new_key()
    person.keep("private key", str(key.as_dict(private=True)["d"]))
    signing = register(person.organization, auth_method="private_key_jwt", jwks=jwks(key))
    claims = {"iss": signing.id, "sub": signing.id, "aud": f"{person.url}/oauth/token", "jti": unique("jti")}
    signed = person.keep("assertion", assertion(key, **claims))
    person.keep_tokens(person.post("/oauth/token", data=by_assertion(signed)))
    assert person.http.post(f"{person.url}/oauth/token", data=by_assertion(signed)).is_error


def _consent(person: Person) -> None:
    client = register(person.organization, grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    person.keep("client secret", client.secret)
    query = {"response_type": "code", "client_id": client.id, "code_challenge": CHALLENGE}
    url = httpx.URL(f"{person.url}/oauth/authorize", params={**query, "code_challenge_method": "S256"})
    page = person.http.get(url)
    (proof,) = re.findall(r'name="proof" value="([0-9a-f]+)"', page.text)
    token = person.keep("administration token", administrator_token(person.organization))
    answer = person.http.post(url, data={"proof": proof, "token": token, "decision": "allow"})
    code = person.keep("code", httpx.URL(answer.headers["Location"]).params["code"])
    person.keep("verifier", VERIFIER)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    tokens = person.keep_tokens(person.post("/oauth/token", data=form, auth=client.basic))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    tokens = person.keep_tokens(person.post("/oauth/token", data=form, auth=client.basic))
    person.post("/oauth/revoke-leaked", data={"token": tokens["access_token"]})


def _members(person: Person, mail: Path) -> None:
    store, url = person.organization.store, f"file://{mail}"
    desk = Desk(store, KEY, open_mailer(url), "no-reply@portal.example", person.url)
    with begin(store, person.organization.operator, write=True) as tenant:
        token = person.keep("token of the portal", issue_token(tenant, KEY, None, "org:admin", None)[1])
    headers = {"Authorization": f"Bearer {token}"}
    base = f"/api/v1/organizations/{person.organization.slug}"
    address = f"{unique('ada')}@example.com"
    attributes: dict[str, Any] = {"userName": address, "emails": [{"value": address}]}
    attributes["name"] = {"givenName": "Ada", "familyName": "Lovelace"}
    attributes["preferredLanguage"] = "fr"
    body = {"attributes": attributes, "access": "invite"}
    member = person.post(f"{base}/members", headers=headers, json=body)["id"]
    # An attempt that fails keeps its reason, and nothing of the letter.
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    work(replace(desk, mailer=open_mailer(f"smtp://127.0.0.1:{port}")), HANDLERS, threading.Event())
    person.http.post(f"{person.url}{base}/members/{member}/invitation", headers=headers)

    def link() -> str:
        work(desk, HANDLERS, threading.Event())
        found = list_kept(url)[-1].link
        assert found is not None
        return person.keep("link", found.rpartition("/")[2])

    sent = {"link": link(), "password": person.keep("password", f"a pass phrase {unique('of')} ours")}
    person.post(f"{base}/invitations/read", headers=headers, json={"link": sent["link"]})
    person.post(f"{base}/invitations/accept", headers={**headers, "Idempotency-Key": "once"}, json=sent)
    assert person.http.post(f"{person.url}{base}/invitations/accept", headers=headers, json=sent).is_error
    person.http.post(f"{person.url}{base}/password-resets", headers=headers, json={"address": address})
    sent = {"link": link(), "password": person.keep("password", f"a new pass phrase {unique('of')} ours")}
    assert person.http.post(f"{person.url}{base}/password-resets/complete", headers=headers, json=sent).is_success
    session = sign_in(store, person.organization.operator, KEY, address, sent["password"])
    person.keep("session", session.secret)


def test_no_secret_is_kept_or_logged(fresh_database: Database, tmp_path: Path) -> None:
    """A dump of the database and all logs of a run hold no token, secret, code, password or key that was used."""
    with running_app(fresh_database) as app, gunicorn(fresh_database.app_url, env=_ENVIRONMENT) as served:
        person = Person(app, served.url)
        for do in (_static_tokens, _client_credentials, _consent):
            do(person)
        _members(person, tmp_path)
        kept, logged = _dump(fresh_database), served.log.read_text()
    person.http.close()
    assert logged.count('"route":"/oauth/token"') >= 7
    assert person.organization.id in kept
    assert len(person.secrets) >= 23
    secrets = {**person.secrets, "secret key": SECRET_KEY, "digest key": KEY.secret.hex()}
    for name, secret in secrets.items():
        # The random part alone tells as much.
        for part in (secret, secret[8:-6]):
            assert part not in kept, name
            assert part not in logged, name
