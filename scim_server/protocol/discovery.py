"""What the server says of itself (RFC 7643 §5 to §7, RFC 7644 §4), announcing exactly what works."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from scim_server.protocol.bulk import MAX_OPERATIONS
from scim_server.protocol.catalog import Catalog
from scim_server.protocol.cursors import TIMEOUT_S
from scim_server.protocol.queries import DEFAULT_COUNT, MAX_RESULTS
from scim_server.protocol.replies import Page, list_reply

SERVICE_PROVIDER_CONFIG_URN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"


def service_provider_config(base_url: str, max_body_bytes: int) -> dict[str, Any]:
    """Return the ServiceProviderConfig (RFC 7643 §5)."""
    return {
        "schemas": [SERVICE_PROVIDER_CONFIG_URN],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": max_body_bytes},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": True},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MAX_RESULTS,
            "cursorTimeout": TIMEOUT_S,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A bearer token issued for one connection of one organization (RFC 6750)",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            },
            {
                "type": "oauth2",
                "name": "OAuth 2.0",
                "description": "A token that an OAuth client of the connection gets at /oauth/token (RFC 6749); "
                "/.well-known/oauth-authorization-server says how (RFC 8414)",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6749",
                "primary": False,
            },
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base_url}/ServiceProviderConfig",
        },
    }


def schemas(catalog: Catalog, base_url: str) -> list[dict[str, Any]]:
    """Return the schemas served (RFC 7643 §7)."""
    return [_with_meta(schema, "Schema", f"{base_url}/Schemas/{schema['id']}") for schema in catalog.schemas]


def resource_types(catalog: Catalog, base_url: str) -> list[dict[str, Any]]:
    """Return the resource types served (RFC 7643 §6)."""
    return [
        _with_meta({"id": each["name"], **each}, "ResourceType", f"{base_url}/ResourceTypes/{each['name']}")
        for each in catalog.resource_types
    ]


def _with_meta(content: Mapping[str, Any], resource_type: str, location: str) -> dict[str, Any]:
    return {**content, "meta": {"resourceType": resource_type, "location": location}}


def discovery_list(resources: Sequence[Mapping[str, Any]]) -> bytes:
    """Return all schemas or resource types; RFC 7644 §4: sorting and pagination SHALL be ignored."""
    return list_reply(map(orjson.dumps, resources), Page(len(resources), start_index=1))
