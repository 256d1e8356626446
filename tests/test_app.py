"""The app is put together from its settings, with the schemas that ship and those of the operator."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from scim_server import create_app, load_catalog, load_portals
from scim_server.config import SettingError
from scim_server.protocol.catalog import CatalogError
from scim_server.protocol.portals import PortalProfileError
from tests.databases import Database
from tests.directory import Client, environment, new_client, running_app
from tests.serving import ROOT

URN = "urn:example:params:scim:schemas:extension:badge:2.0:User"
SCHEMA = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
    "id": URN,
    "name": "Badge",
    "description": "The badge of a person",
    "attributes": [
        {"name": "badgeNumber", "type": "string", "description": "What is printed on it", "caseExact": True},
        {"name": "floors", "type": "integer", "multiValued": True, "description": "The floors it opens"},
        {
            "name": "issuer",
            "type": "complex",
            "description": "Who handed it out",
            "subAttributes": [{"name": "desk", "type": "string", "description": "Where"}],
        },
    ],
}
BADGE = {"badgeNumber": "B-17", "floors": [1, 2], "issuer": {"desk": "East"}}


@pytest.fixture
def schemas_dir(tmp_path: Path) -> Path:
    """The directory of an operator with one extension schema."""
    (tmp_path / "Badge.json").write_bytes(orjson.dumps(SCHEMA))
    return tmp_path


@pytest.fixture
def badges(database: Database, schemas_dir: Path) -> Iterator[Client]:
    """A client of a server that knows badges."""
    with running_app(database, schemas_dir=str(schemas_dir)) as app:
        yield new_client(app)


def test_an_extension_is_stored_and_returned(badges: Client) -> None:
    """What a client writes under the URN of the extension comes back, by POST, PUT, PATCH and GET."""
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:User", URN]
    user_id = badges.new_user("ada@badges.example", schemas=schemas, **{URN: BADGE})
    user = badges.read(f"/Users/{user_id}")
    assert user[URN] == BADGE
    assert URN in user["schemas"]
    patched = badges.patch(
        f"/Users/{user_id}",
        {"op": "replace", "path": f"{URN}:badgeNumber", "value": "B-18"},
        {"op": "add", "path": f"{URN}:floors", "value": [3]},
        {"op": "remove", "path": f"{URN}:issuer.desk"},
    )
    assert patched.status_code == 200, patched.text
    assert badges.read(f"/Users/{user_id}")[URN] == {"badgeNumber": "B-18", "floors": [1, 2, 3]}
    replaced = badges.put(f"/Users/{user_id}", {"schemas": schemas, "userName": "ada@badges.example"})
    assert URN not in replaced.json  # type: ignore[operator]
    assert URN not in replaced.json["schemas"]  # type: ignore[index]


def test_an_extension_is_filtered_sorted_and_projected(badges: Client) -> None:
    """Its attributes are named by their URN, as those of the enterprise extension are."""
    for number in ("B-2", "B-1"):
        badges.new_user(f"{number}@badges.example", **{URN: {"badgeNumber": number, "floors": [int(number[-1])]}})
    found = badges.read(f'/Users?filter={URN}:badgeNumber eq "B-1"')
    assert [user["userName"] for user in found["Resources"]] == ["B-1@badges.example"]
    assert badges.read(f'/Users?filter={URN}:badgeNumber eq "b-1"')["totalResults"] == 0
    assert badges.read(f"/Users?filter={URN}:floors gt 1")["totalResults"] == 1
    ordered = badges.read(f"/Users?sortBy={URN}:badgeNumber&attributes={URN}:badgeNumber")
    assert [user[URN] for user in ordered["Resources"]] == [{"badgeNumber": "B-1"}, {"badgeNumber": "B-2"}]


def test_an_extension_is_announced(badges: Client) -> None:
    """`/Schemas` has the schema, and the resource type User names it."""
    assert badges.read(f"/Schemas/{URN}")["attributes"] == SCHEMA["attributes"]
    assert URN in [schema["id"] for schema in badges.read("/Schemas")["Resources"]]
    extensions = badges.read("/ResourceTypes/User")["schemaExtensions"]
    assert {"schema": URN, "required": False} in extensions
    assert {each["schema"] for each in extensions if each["schema"] != URN}, "the enterprise extension stays"


def test_a_value_of_another_type_is_refused(badges: Client) -> None:
    """An extension is held to the types it declares."""
    body = {"schemas": [URN], "userName": "x@badges.example", URN: {"floors": ["ground"]}}
    answer = badges.post("/Users", body)
    assert (answer.status_code, answer.json["scimType"]) == (400, "invalidValue"), answer.text  # type: ignore[index]
    assert "floors" in answer.json["detail"]  # type: ignore[index]


def test_a_further_resource_type_is_served(database: Database, tmp_path: Path) -> None:
    """A schema and a resource type of the operator's own make an endpoint."""
    urn = "urn:example:params:scim:schemas:core:2.0:Room"
    schema = {
        **SCHEMA,
        "id": urn,
        "name": "Room",
        "attributes": [{"name": "number", "type": "string", "required": True, "description": "On its door"}],
    }
    resource_type = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "Room",
        "name": "Room",
        "endpoint": "/Rooms",
        "schema": urn,
    }
    (tmp_path / "Room.json").write_bytes(orjson.dumps(schema))
    (tmp_path / "Room.resource-type.json").write_bytes(orjson.dumps(resource_type))
    with running_app(database, schemas_dir=str(tmp_path)) as app:
        client = new_client(app)
        created = client.post("/Rooms", {"schemas": [urn], "number": "E 104"})
        assert created.status_code == 201, created.text
        assert client.read('/Rooms?filter=number eq "e 104"')["totalResults"] == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", r"Broken\.json: unexpected end"),
        (b"[]", r"Broken\.json: must be a JSON object"),
        (b"{}", r"Broken\.json: 'schemas' must hold"),
        (orjson.dumps({**SCHEMA, "id": "badge"}), r"Broken\.json: 'id' must be the URN"),
        (orjson.dumps({**SCHEMA, "attributes": [{"type": "string"}]}), r"Broken\.json: "),
        (
            orjson.dumps({**SCHEMA, "attributes": [{"name": "pin", "type": "digits"}]}),
            r"Broken\.json: .*attributes\.0\.type: Input should be 'string'",
        ),
        (
            orjson.dumps({**SCHEMA, "attributes": [{"name": "pin", "type": "string", "mutability": "writeOnly"}]}),
            r"Broken\.json: 'pin' of User is writeOnly",
        ),
        (
            orjson.dumps({**SCHEMA, "attributes": [{"name": "pin", "type": "string", "uniqueness": "server"}]}),
            r"Broken\.json: pin announce uniqueness",
        ),
    ],
)
def test_a_broken_schema_stops_the_start_and_names_the_file(tmp_path: Path, content: bytes, complaint: str) -> None:
    """A server that left out a schema would lose what clients send under it."""
    (tmp_path / "Broken.json").write_bytes(content)
    with pytest.raises(CatalogError, match=complaint) as refusal:
        load_catalog(tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schemas_dir": "."}, "Broken.json"),
        ({"portals_dir": "."}, "broken.toml, line 2: "),
        ({"secret_key": "short"}, "SCIM_SERVER_SECRET_KEY must have"),
        ({"workers": "many"}, "SCIM_SERVER_WORKERS must be a whole number"),
    ],
)
def test_gunicorn_does_not_start_on_a_mistake(tmp_path: Path, settings: dict[str, str], complaint: str) -> None:
    """The operator reads one line, not the traceback of each worker."""
    (tmp_path / "Broken.json").write_bytes(b"{")
    (tmp_path / "broken.toml").write_bytes(b"[policy]\ndeletion = purge\n")
    database = Database("sqlite", "", f"sqlite:///{tmp_path / 'never-opened.db'}")
    run = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", "unix:s"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment(database, **settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert run.stderr.startswith("scim-server: ")
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr


def test_the_portals_are_those_that_ship_and_those_of_the_operator(tmp_path: Path) -> None:
    """A file of the operator adds a portal, or replaces the one that ships under its name."""
    shipped = load_portals()
    text = (ROOT / "scim_server" / "portals" / "archive.toml").read_text(encoding="utf-8")
    (tmp_path / "archive.toml").write_text(text.replace('"two"', '"many"'), encoding="utf-8")
    (tmp_path / "house.toml").write_text(text, encoding="utf-8")
    portals = load_portals(tmp_path)
    assert portals.keys() == {*shipped, "house"}
    assert portals["archive"].policy.administrators == "many"
    assert portals["house"].roles == shipped["archive"].roles


def test_a_portal_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    """A file in another encoding is named with its directory."""
    (tmp_path / "house.toml").write_text('[title]\nfr = "Équipe"\n', encoding="latin-1")
    with pytest.raises(PortalProfileError, match=r"house\.toml: 'utf-8' codec"):
        load_portals(tmp_path)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings, `create_app` reads those of the process."""
    monkeypatch.delenv("SCIM_SERVER_SECRET_KEY", raising=False)
    with pytest.raises(SettingError, match="SCIM_SERVER_SECRET_KEY"):
        create_app()


def test_text_logs_say_a_request_in_one_line(database: Database, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """For a person at a terminal: method, route, status and duration, and nothing of a person."""
    script = (
        "from scim_server import create_app\n"
        "client = create_app().test_client()\n"
        "client.get('/healthz')\n"
        "client.get('/scim/v2/Users?filter=userName eq \"hypatia\"')\n"
    )
    settings: dict[str, Any] = environment(database, log_format="text")
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    health, users = run.stdout.splitlines()
    assert health[8:].startswith(" GET /healthz 200 ")
    assert users[8:].startswith(" GET /scim/v2/<endpoint> 401 ")
    assert "hypatia" not in users
