"""Discovery (RFC 7644 §4): ``/ServiceProviderConfig``, ``/Schemas`` and ``/ResourceTypes``."""

from collections.abc import Mapping
from typing import Any, NoReturn

import orjson
from flask import Blueprint, Response, request
from scim2_models import ForbiddenException, NotFoundException
from werkzeug.exceptions import MethodNotAllowed

from scim_server.protocol.discovery import discovery_list, resource_types, schemas, service_provider_config
from scim_server.web.requests import scim_response
from scim_server.web.site import current_site

_CHANGES = ("POST", "PUT", "PATCH", "DELETE")

blueprint = Blueprint("discovery", __name__)


def _refuse_filter() -> None:
    # RFC 7644 §4: a filter on a discovery endpoint SHALL be answered with 403.
    if any(name.lower() == "filter" for name in request.args):
        raise ForbiddenException(detail="discovery endpoints take no filter (RFC 7644 §4)")


def _one(found: list[dict[str, Any]], identifier: str, kind: str) -> Mapping[str, Any]:
    for resource in found:
        if str(resource["id"]).lower() == identifier.lower():
            return resource
    raise NotFoundException(detail=f"there is no {kind} {identifier[:200]!r}")


@blueprint.get("/ServiceProviderConfig")
def get_service_provider_config() -> Response:
    """Answer what the server supports."""
    _refuse_filter()
    site = current_site()
    return scim_response(orjson.dumps(service_provider_config(site.scim_url(), site.max_body_bytes)))


@blueprint.get("/Schemas")
def list_schemas() -> Response:
    """Answer the schemas."""
    _refuse_filter()
    site = current_site()
    found = schemas(site.store.catalog, site.scim_url())
    return scim_response(discovery_list(found))


@blueprint.get("/Schemas/<identifier>")
def get_schema(identifier: str) -> Response:
    """Answer one schema, by its URN."""
    _refuse_filter()
    site = current_site()
    return scim_response(orjson.dumps(_one(schemas(site.store.catalog, site.scim_url()), identifier, "schema")))


@blueprint.get("/ResourceTypes")
def list_resource_types() -> Response:
    """Answer the resource types."""
    _refuse_filter()
    site = current_site()
    found = resource_types(site.store.catalog, site.scim_url())
    return scim_response(discovery_list(found))


@blueprint.get("/ResourceTypes/<identifier>")
def get_resource_type(identifier: str) -> Response:
    """Answer one resource type, by its name."""
    _refuse_filter()
    site = current_site()
    found = resource_types(site.store.catalog, site.scim_url())
    return scim_response(orjson.dumps(_one(found, identifier, "resource type")))


@blueprint.route("/ServiceProviderConfig", methods=_CHANGES)
@blueprint.route("/Schemas", methods=_CHANGES)
@blueprint.route("/Schemas/<identifier>", methods=_CHANGES)
@blueprint.route("/ResourceTypes", methods=_CHANGES)
@blueprint.route("/ResourceTypes/<identifier>", methods=_CHANGES)
def refuse_change(identifier: str = "") -> NoReturn:
    """Refuse to change what the server says of itself, before it is looked for among the resources."""
    raise MethodNotAllowed(valid_methods=["GET", "HEAD", "OPTIONS"])
