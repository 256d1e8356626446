"""A resource type of an operator's own, in a directory of JSON files, is served as users and groups are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from scim_server import load_catalog
from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.catalog import RESOURCE_TYPE_URN, SCHEMA_URN
from tests.databases import Database
from tests.directory import Client, new_client, running_app, site_of, unique, user_body

DEVICE_URN = "urn:example:params:scim:schemas:core:2.0:Device"
LEASE_URN = "urn:example:params:scim:schemas:extension:2.0:Lease"

pytestmark = pytest.mark.usefixtures("tenant_guard")


def attribute(name: str, kind: str = "string", **characteristics: Any) -> dict[str, Any]:
    """Return the definition of an attribute (RFC 7643 §7)."""
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": name,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        **characteristics,
    }


DEVICE = {
    "schemas": [SCHEMA_URN],
    "id": DEVICE_URN,
    "name": "Device",
    "description": "What a person works with",
    "attributes": [
        attribute("displayName", required=True),
        attribute("assetTag", uniqueness="server"),
        attribute("serialNumber", mutability="immutable", caseExact=True),
        attribute("locked", "boolean"),
        attribute("slots", "integer"),
        attribute("weight", "decimal"),
        attribute("purchasedAt", "dateTime"),
        attribute("certificate", "binary", caseExact=True),
        attribute("manual", "reference", referenceTypes=["external"], caseExact=True),
        attribute("condition", mutability="readOnly"),
        attribute("pin", returned="request"),
        attribute("diagnosis", returned="never"),
        attribute("labels", multiValued=True),
        attribute(
            "place",
            "complex",
            subAttributes=[attribute("building", required=True), attribute("floor", "integer")],
        ),
        attribute(
            "owner",
            "complex",
            subAttributes=[
                attribute("value", caseExact=True),
                attribute("$ref", "reference", referenceTypes=["User"], caseExact=True),
            ],
        ),
        attribute(
            "ports",
            "complex",
            multiValued=True,
            subAttributes=[
                attribute("value", "integer"),
                attribute("type"),
                attribute("primary", "boolean"),
                attribute("openedAt", "dateTime"),
            ],
        ),
    ],
}
LEASE = {
    "schemas": [SCHEMA_URN],
    "id": LEASE_URN,
    "name": "Lease",
    "description": "The contract a device is leased under",
    "attributes": [attribute("number", "integer", required=True), attribute("endsAt", "dateTime")],
}
DEVICE_TYPE = {
    "schemas": [RESOURCE_TYPE_URN],
    "id": "Device",
    "name": "Device",
    "endpoint": "/Devices",
    "description": "Devices",
    "schema": DEVICE_URN,
    "schemaExtensions": [{"schema": LEASE_URN, "required": False}],
}


def device(name: str, **attributes: Any) -> dict[str, Any]:
    """Return a device as a client sends it."""
    return {"schemas": [DEVICE_URN], "displayName": name, **attributes}


@pytest.fixture(scope="module")
def schemas_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as ``SCIM_SERVER_SCHEMAS_DIR`` names it."""
    directory = tmp_path_factory.mktemp("schemas")
    for name, content in {"Device": DEVICE, "Device.resource-type": DEVICE_TYPE, "Lease": LEASE}.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


@pytest.fixture(scope="module")
def device_app(database: Database, schemas_dir: Path) -> Iterator[Flask]:
    """An app that serves devices."""
    with running_app(database, schemas_dir=str(schemas_dir)) as app:
        yield app


@pytest.fixture
def devices(device_app: Flask) -> Client:
    """A client of an organization of the test's own."""
    return new_client(device_app)


def added(client: Client, body: dict[str, Any]) -> str:
    """Create a device and return its id."""
    response = client.post("/Devices", body)
    assert response.status_code == 201, response.text
    return str(response.get_json()["id"])


def refusal(response: Any) -> tuple[int, str | None]:
    """Return the status of an error and its ``scimType``."""
    return response.status_code, response.get_json().get("scimType")


LAMP: dict[str, Any] = {
    "assetTag": "A-1",
    "serialNumber": "sn-é1",
    "locked": True,
    "slots": 2,
    "weight": 3.5,
    # 06:00 in UTC, before the printer, whose text sorts first.
    "purchasedAt": "2026-01-31T08:00:00+02:00",
    "certificate": "AQID",
    "manual": "https://example.com/Lamp",
    "diagnosis": "X9",
    "labels": ["Desk", "light"],
    "place": {"building": "North", "floor": 3},
    "ports": [{"value": 80, "type": "tcp"}, {"value": 53, "type": "udp", "primary": True}],
    LEASE_URN: {"number": 7, "endsAt": "2030-01-01T00:00:00Z"},
}
PRINTER: dict[str, Any] = {
    "assetTag": "a-2",
    "serialNumber": "SN-2",
    "locked": False,
    "slots": 10,
    "weight": 20,
    "purchasedAt": "2026-01-31T07:00:00Z",
    "certificate": "_-8=",
    "manual": "https://example.com/printer",
    "labels": ["office"],
    "place": {"building": "south"},
    "ports": [{"value": 443, "type": "tcp", "openedAt": "2026-02-01T00:00:00Z"}],
    LEASE_URN: {"number": 12},
}


@pytest.fixture
def fleet(devices: Client) -> Client:
    """A client of an organization with a lamp, a printer and a router, which has a name alone."""
    for name, attributes in {"Lamp": LAMP, "Printer": PRINTER, "Router": {}}.items():
        added(devices, device(name, **attributes))
    return devices


def names(client: Client, query: str, path: str = "/Devices") -> list[str]:
    """Return the names of the resources a query lists."""
    return [each["displayName"] for each in client.read(f"{path}?{query}")["Resources"]]


def test_a_device_lives_as_a_user_does(devices: Client) -> None:
    """It is created, read, replaced, changed and deleted; what was sent comes back as it was."""
    user_id = devices.new_user()
    sent = device("Lamp", **LAMP, owner={"value": user_id, "$ref": f"../Users/{user_id}"})
    response = devices.post("/Devices", sent)
    created = response.get_json()
    shown = {name: value for name, value in sent.items() if name not in ("schemas", "diagnosis")}
    assert response.status_code == 201
    assert response.headers["Location"] == created["meta"]["location"]
    assert created["meta"]["location"].endswith(f"/scim/v2/Devices/{created['id']}")
    assert created["meta"]["resourceType"] == "Device"
    assert created["schemas"] == [DEVICE_URN, LEASE_URN]
    assert {name: created[name] for name in shown} == shown
    assert created.keys() == {*shown, "schemas", "id", "meta"}, "no active, groups or members: a device has none"
    path = f"/Devices/{created['id']}"
    assert devices.read(path) == created

    replaced = devices.put(path, device("Desk lamp", locked=False))
    assert replaced.status_code == 200
    # RFC 7644 §3.5.1: what a PUT leaves out is cleared; what is immutable stays.
    assert {**replaced.get_json(), "meta": None} == {
        "schemas": [DEVICE_URN],
        "id": created["id"],
        "displayName": "Desk lamp",
        "serialNumber": LAMP["serialNumber"],
        "locked": False,
        "meta": None,
    }
    assert devices.delete(path).status_code == 204
    assert devices.get(path).status_code == 404
    assert devices.read("/Devices")["totalResults"] == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('displayName eq "LAMP"', {"Lamp"}),
        ('assetTag eq "A-2"', {"Printer"}),
        ("assetTag pr", {"Lamp", "Printer"}),
        ('serialNumber eq "sn-é1"', {"Lamp"}),
        ('serialNumber eq "sn-2"', set()),
        ("locked eq true", {"Lamp"}),
        ("locked eq false", {"Printer"}),
        ("locked ne true", {"Printer", "Router"}),
        ("slots gt 2", {"Printer"}),
        ("slots le 2", {"Lamp"}),
        ("slots eq 10", {"Printer"}),
        ("weight lt 20", {"Lamp"}),
        ("weight eq 3.50", {"Lamp"}),
        ("weight ge 20.0", {"Printer"}),
        ('purchasedAt lt "2026-01-31T07:00:00Z"', {"Lamp"}),
        ('purchasedAt eq "2026-01-31T06:00:00Z"', {"Lamp"}),
        ('certificate eq "AQID"', {"Lamp"}),
        ('certificate eq "/+8="', {"Printer"}),
        ('manual eq "https://example.com/Lamp"', {"Lamp"}),
        ('manual eq "https://example.com/lamp"', set()),
        ('manual sw "https://example.com/"', {"Lamp", "Printer"}),
        ("condition pr", set()),
        ('labels eq "desk"', {"Lamp"}),
        ('labels co "FF"', {"Printer"}),
        ('place.building eq "SOUTH"', {"Printer"}),
        ("place.floor ge 3", {"Lamp"}),
        ("ports.value eq 53", {"Lamp"}),
        ('ports[type eq "tcp" and value gt 100]', {"Printer"}),
        ('ports[openedAt gt "2026-01-01T00:00:00Z"]', {"Printer"}),
        ("ports[primary eq true]", {"Lamp"}),
        (f"{LEASE_URN}:number gt 7", {"Printer"}),
        (f'{LEASE_URN}:endsAt ge "2030-01-01T01:00:00+01:00"', {"Lamp"}),
        (f'{DEVICE_URN}:displayName eq "router"', {"Router"}),
        # RFC 7643 §7: what is never returned may be used in a filter.
        ('diagnosis eq "x9"', {"Lamp"}),
        ('not (slots eq 2) and displayName sw "r"', {"Router"}),
    ],
)
def test_a_filter_compares_by_the_type_of_the_attribute(fleet: Client, query: str, found: set[str]) -> None:
    """Every type has its own equality and order (RFC 7644 §3.4.2.2)."""
    assert set(names(fleet, f"filter={quote(query)}")) == found


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("certificate gt 1", "certificate"),
        ("locked gt true", "locked"),
        ("place[floor eq 3]", "place"),
        ('slots eq "two"', "slots"),
        ("colour pr", "colour"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(fleet: Client, query: str, detail: str) -> None:
    """What has no order, another type or no name in the schema is 400 invalidFilter."""
    response = fleet.get(f"/Devices?filter={quote(query)}")
    assert refusal(response) == (400, "invalidFilter")
    assert detail in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [
        ("displayName", ["Lamp", "Printer", "Router"]),
        ("assetTag", ["Lamp", "Printer", "Router"]),
        ("serialNumber", ["Printer", "Lamp", "Router"]),  # Case exact: capitals come first.
        ("locked", ["Printer", "Lamp", "Router"]),
        ("slots", ["Lamp", "Printer", "Router"]),
        ("weight", ["Lamp", "Printer", "Router"]),
        ("purchasedAt", ["Lamp", "Printer", "Router"]),
        ("manual", ["Lamp", "Printer", "Router"]),
        ("labels", ["Lamp", "Printer", "Router"]),
        ("place.building", ["Lamp", "Printer", "Router"]),
        ("place.floor", ["Lamp", "Printer", "Router"]),
        ("ports", ["Lamp", "Printer", "Router"]),  # The primary value, else the first.
        ("ports.type", ["Printer", "Lamp", "Router"]),
        (f"{LEASE_URN}:number", ["Lamp", "Printer", "Router"]),
    ],
)
def test_the_order_is_that_of_the_type(fleet: Client, sort_by: str, order: list[str]) -> None:
    """A list is sorted by numbers, moments and folded texts; a cursor walks it in the same order."""
    assert names(fleet, f"sortBy={quote(sort_by)}") == order
    descending = names(fleet, f"sortBy={quote(sort_by)}&sortOrder=descending")
    if sort_by == "place.floor":
        assert descending[-1] == "Lamp"
    else:
        assert [name for name in descending if name != "Router"] == order[1::-1]
    walked, cursor = [], ""
    while cursor is not None:
        page = fleet.read(f"/Devices?sortBy={quote(sort_by)}&count=1&cursor={cursor}")
        walked += [each["displayName"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    assert walked == order


def test_a_patch_writes_every_type(devices: Client) -> None:
    """Each operation reads its value by the schema, in values, elements and extensions."""
    path = f"/Devices/{added(devices, device('Lamp', **LAMP))}"
    response = devices.patch(
        path,
        {"op": "replace", "path": "locked", "value": False},
        {"op": "replace", "path": "slots", "value": 3},
        {"op": "replace", "path": "weight", "value": 0.25},
        {"op": "remove", "path": "certificate"},
        {"op": "replace", "path": "place.floor", "value": 4},
        {"op": "add", "path": "labels", "value": ["new", "DESK"]},
        {"op": "replace", "path": 'ports[type eq "udp"].value', "value": 123},
        {"op": "add", "path": "ports", "value": [{"value": 22, "type": "tcp", "primary": True}]},
        {"op": "remove", "path": "ports[value eq 80]"},
        {"op": "replace", "path": f"{LEASE_URN}:number", "value": 8},
        {"op": "replace", "value": {"purchasedAt": "2026-05-01T00:00:00Z", f"{LEASE_URN}:endsAt": None}},
    )
    assert response.status_code == 200, response.text
    changed = response.get_json()
    assert (changed["locked"], changed["slots"], changed["weight"]) == (False, 3, 0.25)
    assert "certificate" not in changed
    assert changed["place"] == {"building": "North", "floor": 4}
    assert changed["labels"] == ["Desk", "light", "new"]
    assert changed["ports"] == [
        {"value": 123, "type": "udp", "primary": False},
        {"value": 22, "type": "tcp", "primary": True},
    ]
    assert changed["purchasedAt"] == "2026-05-01T00:00:00Z"
    assert changed[LEASE_URN] == {"number": 8}
    assert devices.read(path) == changed


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "slots", "value": "many"}, "invalidValue"),
        ({"op": "replace", "path": "slots", "value": 1.5}, "invalidValue"),
        ({"op": "replace", "path": "purchasedAt", "value": "tomorrow"}, "invalidValue"),
        ({"op": "replace", "path": "certificate", "value": "?"}, "invalidValue"),
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "remove", "path": "place.building"}, "mutability"),
        ({"op": "replace", "path": "serialNumber", "value": "sn-2"}, "mutability"),
        ({"op": "remove", "path": "serialNumber"}, "mutability"),
        ({"op": "replace", "path": "condition", "value": "new"}, "mutability"),
        ({"op": "replace", "path": "colour", "value": "red"}, "invalidPath"),
    ],
)
def test_a_patch_that_breaks_a_rule_of_the_schema_changes_nothing(
    devices: Client, operation: dict[str, Any], scim_type: str
) -> None:
    """Types, required, immutable and read-only attributes hold; the operations before it are undone."""
    path = f"/Devices/{added(devices, device('Lamp', **LAMP))}"
    before = devices.read(path)
    response = devices.patch(path, {"op": "replace", "path": "locked", "value": False}, operation)
    assert refusal(response) == (400, scim_type)
    assert devices.read(path) == before


def test_a_required_attribute_is_required(devices: Client) -> None:
    """A device without one is refused, on POST and on PUT, with the name of what is missing."""
    path = f"/Devices/{added(devices, device('Lamp'))}"
    for response in (
        devices.post("/Devices", {"schemas": [DEVICE_URN], "assetTag": "A-9"}),
        devices.put(path, {"schemas": [DEVICE_URN], "assetTag": "A-9"}),
        devices.post("/Devices", device("Lamp", place={"floor": 1})),
        devices.post("/Devices", device("Lamp", **{LEASE_URN: {"endsAt": "2030-01-01T00:00:00Z"}})),
    ):
        assert refusal(response) == (400, "invalidValue")
        assert "required" in response.get_json()["detail"]


def test_a_required_extension_is_required(database: Database, tmp_path: Path) -> None:
    """RFC 7643 §6: a resource MUST have it, with what it requires; a PATCH cannot take it away."""
    leased = {**DEVICE_TYPE, "schemaExtensions": [{"schema": LEASE_URN, "required": True}]}
    for name, content in {"Device": DEVICE, "Device.resource-type": leased, "Lease": LEASE}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with running_app(database, schemas_dir=str(tmp_path)) as app:
        client = new_client(app)
        missing: tuple[dict[str, Any], ...] = ({}, {LEASE_URN: {}}, {LEASE_URN: {"endsAt": "2030-01-01T00:00:00Z"}})
        for extension in missing:
            assert refusal(client.post("/Devices", device("Lamp", **extension))) == (400, "invalidValue")
        path = f"/Devices/{added(client, device('Lamp', **{LEASE_URN: {'number': 1}}))}"
        assert refusal(client.put(path, device("Lamp"))) == (400, "invalidValue")
        for target in (LEASE_URN, f"{LEASE_URN}:number"):
            assert refusal(client.patch(path, {"op": "remove", "path": target})) == (400, "mutability")
        assert client.read(path)[LEASE_URN] == {"number": 1}


def test_an_immutable_attribute_is_written_once(devices: Client) -> None:
    """It may be added where it has no value; then no PUT and no PATCH gives it another (RFC 7643 §7)."""
    path = f"/Devices/{added(devices, device('Router'))}"
    assert devices.patch(path, {"op": "add", "path": "serialNumber", "value": "sn-3"}).status_code == 200
    assert refusal(devices.put(path, device("Router", serialNumber="sn-4"))) == (400, "mutability")
    assert devices.put(path, device("Router", serialNumber="sn-3")).status_code == 200
    assert devices.put(path, device("Router")).get_json()["serialNumber"] == "sn-3"


def test_a_unique_attribute_is_unique(devices: Client) -> None:
    """A value that is taken, in any case, is 409 on POST, PUT and PATCH; many may have none."""
    first, second = (added(devices, device(name)) for name in ("Lamp", "Printer"))
    assert devices.patch(f"/Devices/{first}", {"op": "add", "path": "assetTag", "value": "A-1"}).status_code == 200
    taken = (409, "uniqueness")
    assert refusal(devices.post("/Devices", device("Router", assetTag="a-1"))) == taken
    assert refusal(devices.put(f"/Devices/{second}", device("Printer", assetTag="a-1"))) == taken
    assert refusal(devices.patch(f"/Devices/{second}", {"op": "add", "value": {"assetTag": "a-1"}})) == taken
    assert devices.delete(f"/Devices/{first}").status_code == 204
    assert devices.put(f"/Devices/{second}", device("Printer", assetTag="a-1")).status_code == 200


def test_what_is_returned_on_request_comes_when_it_is_named(devices: Client) -> None:
    """`returned: request` comes by name alone, or from the write that specified it; `never` never does."""
    response = devices.post("/Devices", device("Lamp", pin="1234", diagnosis="X9", labels=["a"]))
    created = response.get_json()
    path = f"/Devices/{created['id']}"
    assert "diagnosis" not in created
    # RFC 7643 §7: "request" is returned in response to a POST, PUT or PATCH in which the client specified it.
    assert created["pin"] == "1234"
    assert "pin" not in devices.read(path)
    assert "pin" not in devices.read("/Devices")["Resources"][0]
    assert devices.read(f"{path}?attributes=pin,diagnosis") == {
        "schemas": [DEVICE_URN],
        "id": created["id"],
        "pin": "1234",
    }
    assert devices.patch(path, {"op": "replace", "path": "pin", "value": "4321"}).get_json()["pin"] == "4321"
    assert "pin" not in devices.patch(path, {"op": "replace", "path": "slots", "value": 1}).get_json()
    assert devices.put(path, device("Lamp", pin="1")).get_json()["pin"] == "1"
    assert "pin" not in devices.put(path, device("Lamp")).get_json()
    assert devices.read(f"{path}?excludedAttributes=displayName").keys() == {"schemas", "id", "meta"}


def test_a_projection_reaches_sub_attributes_and_extensions(fleet: Client) -> None:
    """`attributes` and `excludedAttributes` name parts of values and of extensions (RFC 7644 §3.9)."""
    lamp = fleet.read("/Devices?filter=" + quote('displayName eq "lamp"') + "&attributes=ports.value,place.floor")
    assert {name: value for name, value in lamp["Resources"][0].items() if name not in ("id", "schemas")} == {
        "ports": [{"value": 80}, {"value": 53}],
        "place": {"floor": 3},
    }
    listed = fleet.read(f"/Devices?attributes={quote(LEASE_URN)}:number&sortBy=displayName")["Resources"]
    assert [each.get(LEASE_URN) for each in listed] == [{"number": 7}, {"number": 12}, None]


def test_a_version_guards_a_device(devices: Client) -> None:
    """`If-None-Match` answers 304 and `If-Match` 412, as for users (RFC 7644 §3.14)."""
    path = f"/Devices/{added(devices, device('Lamp'))}"
    first = devices.get(path).headers["ETag"]
    assert devices.get(path, If_None_Match=first).status_code == 304
    second = devices.put(path, device("Desk lamp"), If_Match=first).headers["ETag"]
    assert second != first
    assert devices.get(path, If_None_Match=first).status_code == 200
    for response in (
        devices.put(path, device("Lamp"), If_Match=first),
        devices.patch(path, {"op": "replace", "path": "displayName", "value": "Lamp"}, If_Match=first),
        devices.delete(path, If_Match=first),
    ):
        assert response.status_code == 412
    assert devices.read(path)["displayName"] == "Desk lamp"
    assert devices.delete(path, If_Match=second).status_code == 204


def test_devices_and_users_are_one_collection_at_the_root(fleet: Client) -> None:
    """A root search filters, sorts and pages both; an attribute one of them lacks matches none of it."""
    fleet.new_user("lena", displayName="Lena", active=True)
    fleet.new_group("Lofts")
    assert names(fleet, "sortBy=displayName", "") == ["Lamp", "Lena", "Lofts", "Printer", "Router"]
    starting = quote('displayName sw "l"')
    assert names(fleet, f"filter={starting}&sortBy=displayName&startIndex=2&count=2", "") == ["Lena", "Lofts"]
    assert names(fleet, f"filter={quote('slots eq 2 or userName pr')}&sortBy=displayName", "") == ["Lamp", "Lena"]
    devices_only = quote('meta.resourceType eq "Device"')
    assert set(names(fleet, f"filter={devices_only}", "")) == {"Lamp", "Printer", "Router"}
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'displayName sw "l"',
        "sortBy": "displayName",
        "cursor": "",
        "count": 2,
    }
    first = fleet.post("/.search", body).get_json()
    second = fleet.post("/.search", {**body, "cursor": first["nextCursor"]}).get_json()
    pages = [[each["displayName"] for each in page["Resources"]] for page in (first, second)]
    assert pages == [["Lamp", "Lena"], ["Lofts"]]


def test_a_bulk_creates_devices_and_users_together(devices: Client) -> None:
    """A device refers to a user of the same request by its bulkId; what fails undoes itself alone."""
    operations = [
        {
            "method": "POST",
            "path": "/Devices",
            "bulkId": "lamp",
            "data": device("Lamp", assetTag="A-1", owner={"value": "bulkId:lena"}),
        },
        {"method": "POST", "path": "/Devices", "bulkId": "twin", "data": device("Twin", assetTag="a-1")},
        {"method": "POST", "path": "/Users", "bulkId": "lena", "data": user_body(unique("lena"))},
        {
            "method": "PATCH",
            "path": "/Devices/bulkId:lamp",
            "data": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "add", "path": "slots", "value": 4}],
            },
        },
    ]
    response = devices.post("/Bulk", {"schemas": [BULK_REQUEST_URN], "Operations": operations})
    results = response.get_json()["Operations"]
    assert [each["status"] for each in results] == ["201", "409", "201", "200"]
    lamp = devices.read("/Devices/" + results[0]["location"].rpartition("/")[2])
    assert lamp["owner"]["value"] == results[2]["location"].rpartition("/")[2]
    assert lamp["slots"] == 4
    assert devices.read("/Devices")["totalResults"] == 1


def test_discovery_announces_the_type(devices: Client) -> None:
    """`/ResourceTypes` and `/Schemas` answer what the files say, and where it stands."""
    announced = devices.read("/ResourceTypes/Device")
    assert announced["meta"]["location"].endswith("/scim/v2/ResourceTypes/Device")
    assert {name: announced[name] for name in DEVICE_TYPE} == DEVICE_TYPE
    for schema in (DEVICE, LEASE):
        answered = devices.read(f"/Schemas/{schema['id']}")
        assert {name: answered[name] for name in schema} == schema
    listed = devices.read("/Schemas")
    assert {DEVICE_URN, LEASE_URN} <= {each["id"] for each in listed["Resources"]}


def test_a_server_without_the_files_has_no_such_endpoint(client: Client, devices: Client) -> None:
    """The type comes from the directory alone."""
    assert client.get("/Devices").status_code == 404
    assert devices.get("/Devices").status_code == 200


def test_devices_of_one_organization_are_no_others(device_app: Flask, devices: Client) -> None:
    """Another organization neither sees a device nor is kept from its unique value."""
    device_id = added(devices, device("Lamp", assetTag="A-1"))
    other = new_client(device_app)
    assert other.get(f"/Devices/{device_id}").status_code == 404
    assert other.delete(f"/Devices/{device_id}").status_code == 404
    added(other, device("Lamp", assetTag="A-1"))


def test_the_catalog_holds_every_type_of_attribute(schemas_dir: Path, device_app: Flask) -> None:
    """The files above use every type of RFC 7643 §2.3, so that the tests here try each."""
    definition = load_catalog(schemas_dir).by_name("Device")
    assert {each.type for each in definition.attributes.values()} >= {
        *("string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"),
    }
    assert site_of(device_app).store.catalog.by_endpoint("Devices") is not None
