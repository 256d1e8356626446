"""A resource type of the tests' own, with an attribute of every kind, beside the schemas that ship."""

from pathlib import Path
from typing import Any

import orjson

from scim_server.protocol.catalog import (
    RESOURCE_TYPE_URN,
    SCHEMA_URN,
    Catalog,
    ResourceDefinition,
    build_catalog,
)

DEVICE_URN = "urn:example:schemas:1.0:Device"
WARRANTY_URN = "urn:example:schemas:extension:warranty:1.0:Device"
BADGE_URN = "urn:example:schemas:extension:badge:1.0:User"


def attribute(name: str, type: str = "string", **characteristics: Any) -> dict[str, Any]:
    """Return the JSON of an attribute (RFC 7643 §7), its other characteristics at their defaults."""
    return {"name": name, "type": type, "multiValued": False, **characteristics}


def schema(urn: str, *attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of a schema named like the end of its URN."""
    *_, kind, _version, name = urn.split(":")
    return {
        "schemas": [SCHEMA_URN],
        "id": urn,
        "name": name if kind == "schemas" else kind.title(),
        "attributes": [*attributes],
    }


def resource_type(name: str, urn: str, *extensions: str, endpoint: str | None = None) -> dict[str, Any]:
    """Return the JSON of a resource type."""
    return {
        "schemas": [RESOURCE_TYPE_URN],
        "name": name,
        "endpoint": endpoint or f"/{name}s",
        "schema": urn,
        "schemaExtensions": [{"schema": extension, "required": False} for extension in extensions],
    }


_DEVICE = schema(
    DEVICE_URN,
    attribute("serial", required=True, caseExact=True, uniqueness="server"),
    attribute("label"),
    attribute("active", "boolean"),
    attribute("kind", mutability="immutable"),
    attribute("height", "integer"),
    attribute("weight", "decimal"),
    attribute("boughtAt", "dateTime"),
    attribute("certificate", "binary"),
    attribute("owner", "reference", referenceTypes=["User"]),
    attribute("status", mutability="readOnly"),
    attribute("tags", multiValued=True),
    attribute("codes", multiValued=True, caseExact=True),
    attribute("readings", "integer", multiValued=True),
    attribute(
        "maker",
        "complex",
        subAttributes=[
            attribute("name", required=True),
            attribute("country", mutability="immutable"),
            attribute("founded", "integer"),
            attribute("rank", mutability="readOnly"),
            attribute("sites", multiValued=True),
        ],
    ),
    attribute(
        "ports",
        "complex",
        multiValued=True,
        subAttributes=[
            attribute("value"),
            attribute("type"),
            attribute("primary", "boolean"),
            attribute("speed", "integer"),
            attribute("since", "dateTime"),
            attribute("notes", multiValued=True),
        ],
    ),
    attribute(
        "slots",
        "complex",
        multiValued=True,
        subAttributes=[
            attribute("value", required=True, caseExact=True),
            attribute("card", mutability="immutable"),
            attribute("type"),
            attribute("state", mutability="readOnly"),
        ],
    ),
    attribute("origin", "complex", mutability="immutable", subAttributes=[attribute("city"), attribute("zip")]),
    attribute("barcode", returned="always"),
    attribute("history", returned="request"),
    attribute("draft", returned="never"),
    attribute(
        "parts",
        "complex",
        multiValued=True,
        subAttributes=[
            attribute("value"),
            attribute("sku", returned="always"),
            attribute("cost", "decimal", returned="request"),
            attribute("supplier", returned="never"),
        ],
    ),
)
_WARRANTY = schema(
    WARRANTY_URN,
    attribute("number"),
    attribute("level", mutability="immutable"),
    attribute("terms", multiValued=True),
    attribute("private", returned="request"),
    attribute("holder", "complex", subAttributes=[attribute("value"), attribute("display")]),
    attribute(
        "contacts", "complex", multiValued=True, subAttributes=[attribute("value"), attribute("primary", "boolean")]
    ),
)
_BADGE = schema(BADGE_URN, attribute("colour"), attribute("doors", multiValued=True))


def shipped_files() -> list[tuple[str, dict[str, Any]]]:
    """Return the schema files that ship, as ``build_catalog`` takes them."""
    paths = sorted((Path(__file__).parents[2] / "schemas").glob("*.json"))
    contents = ((path.name, orjson.loads(path.read_bytes())) for path in paths)
    return [(name, content) for name, content in contents if "schemas" in content]


def device_catalog() -> Catalog:
    """Return the catalog of the schemas that ship and of the devices."""
    return build_catalog(
        [
            *shipped_files(),
            ("Device.json", _DEVICE),
            ("Warranty.json", _WARRANTY),
            ("Badge.json", _BADGE),
            ("Device.resource-type.json", resource_type("Device", DEVICE_URN, WARRANTY_URN)),
        ]
    )


CATALOG = device_catalog()
USER: ResourceDefinition = CATALOG.by_name("User")
GROUP: ResourceDefinition = CATALOG.by_name("Group")
DEVICE: ResourceDefinition = CATALOG.by_name("Device")
