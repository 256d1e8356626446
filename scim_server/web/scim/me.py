"""``/Me`` (RFC 7644 §3.11): the person a token stands for reads themselves and changes their password."""

from flask import Blueprint, Response
from scim2_models import ForbiddenException, NotImplementedException

from scim_server.actions.resources import patch_resource, prepare_patch
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.replies import StoredResource
from scim_server.store.resources import get_resource, related
from scim_server.store.session import Tenant, begin, transact
from scim_server.web.requests import current_request
from scim_server.web.scim.reading import read_body, requested_projection
from scim_server.web.scim.resources import not_modified, resource_response
from scim_server.web.site import current_site

blueprint = Blueprint("me", __name__)


@blueprint.get("/Me")
def read_me() -> Response:
    """Answer the user the token stands for."""
    definition, user_id = _me()
    projection = requested_projection(definition)
    with begin(current_site().store, current_request().credentials, write=False) as tenant:
        stored = get_resource(tenant, definition, user_id, projection)
    return not_modified(stored) or _located(resource_response(definition, stored, projection))


@blueprint.patch("/Me")
def change_me() -> Response:
    """Change the password of the user the token stands for, and nothing else of them."""
    sent = current_request()
    definition, user_id = _me()
    projection = requested_projection(definition)
    patch = prepare_patch(read_body(), definition, user_id, sent.leniences)
    password = definition.attributes["password"]
    if any(write.target.attribute is not password for write in patch.writes):
        raise ForbiddenException(detail="by /Me a person changes the password alone; ask an administrator for the rest")
    if_match = sent.headers.get("If-Match")

    def action(tenant: Tenant) -> StoredResource:
        stored = patch_resource(tenant, definition, user_id, patch, if_match, sent.leniences)
        return related(tenant, definition, stored, projection)

    stored = transact(current_site().store, sent.credentials, action)
    return _located(resource_response(definition, stored, projection))


@blueprint.route("/Me", methods=["POST", "PUT", "DELETE"])
def refuse_me() -> Response:
    """Refuse what a person cannot do to themselves."""
    _me()
    raise ForbiddenException(detail="/Me answers GET, and PATCH of the password")


def _located(response: Response) -> Response:
    # RFC 7644 §3.11: Location is the permanent place of the resource that /Me stands for.
    response.headers["Location"] = response.headers["Content-Location"]
    return response


def _me() -> tuple[ResourceDefinition, str]:
    actor = current_request().credentials.actor
    if actor.kind != "user":
        raise NotImplementedException(
            detail="/Me is for tokens that stand for a person; this one stands for a connection"
        )
    return current_site().store.catalog.by_name("User"), actor.id
