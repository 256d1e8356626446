"""PATCH requests on documents, read and applied."""

from copy import deepcopy
from typing import Any

import pytest
from scim2_models import SCIMException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.patch import PATCH_OP_URN, read_patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.writes import apply_writes

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
RESOURCE_ID = "0190f5e0-0000-7000-8000-000000000001"

Operations = list[dict[str, Any]]


def patched(
    definition: ResourceDefinition, document: dict[str, Any], operations: Operations, profile: str = "lenient"
) -> dict[str, Any]:
    """Return the document that operations leave."""
    return _patched(definition, document, operations, Leniences(PROFILES[profile]))


def with_counts(
    definition: ResourceDefinition, document: dict[str, Any], operations: Operations
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the document that operations leave, and the tolerances of the lenient profile they made use of."""
    leniences = Leniences(PROFILES["lenient"])
    return _patched(definition, document, operations, leniences), dict(leniences.counts)


def refused(definition: ResourceDefinition, document: dict[str, Any], operations: Operations, profile: str) -> str:
    """Return the scimType that operations are refused with."""
    with pytest.raises(SCIMException) as error:
        patched(definition, document, operations, profile)
    return error.value.scim_type


def _patched(
    definition: ResourceDefinition, document: dict[str, Any], operations: Operations, leniences: Leniences
) -> dict[str, Any]:
    payload = {"schemas": [PATCH_OP_URN], "Operations": operations}
    patch = read_patch(payload, definition, RESOURCE_ID, leniences)
    return apply_writes(deepcopy(document), patch.writes, definition, leniences)
