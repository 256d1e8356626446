"""What scim2-models answers, in the terms the server's own code answers in.

Nothing in the server reads or patches a resource by these models; the property tests hold the two
together.
"""

from copy import deepcopy
from typing import Any

from pydantic import ValidationError
from scim2_models import Context, Error, PatchOp, SCIMException, ScimPolicy

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.patch import PATCH_OP_URN

STRICT = ScimPolicy()
TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Refusal(Exception):
    """The oracle refuses a request, with the scimType it gives."""

    def __init__(self, scim_type: str, detail: str) -> None:
        super().__init__(detail)
        self.scim_type = scim_type


def patched(
    definition: ResourceDefinition, document: dict[str, Any], operations: list[dict[str, Any]], policy: ScimPolicy
) -> dict[str, Any]:
    """Return the document that ``PatchOp.patch`` leaves.

    :raises Refusal: When the operations cannot be read or applied.
    """
    model = definition.model
    payload = {"schemas": [PATCH_OP_URN], "Operations": operations}
    resource = model.model_validate(deepcopy(document))
    try:
        patch = PatchOp[model].model_validate(  # type: ignore[valid-type]
            deepcopy(payload), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=policy
        )
        patch.patch(resource, scim_policy=policy)
    except ValidationError as error:
        raise _refusal(error) from error
    except SCIMException as error:
        raise Refusal(error.scim_type, error.detail) from error
    return resource.model_dump(scim_ctx=Context.DEFAULT)


def created(definition: ResourceDefinition, payload: dict[str, Any], policy: ScimPolicy) -> dict[str, Any]:
    """Return the document of a creation request, as the model dumps it.

    :raises Refusal: When the model refuses the payload.
    """
    try:
        resource = definition.model.model_validate(
            deepcopy(payload), scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=policy
        )
    except ValidationError as error:
        raise _refusal(error) from error
    return resource.model_dump(scim_ctx=Context.DEFAULT)


def _refusal(error: ValidationError) -> Refusal:
    first = Error.from_validation_error(error.errors()[0])
    return Refusal(first.scim_type or "", str(error))
