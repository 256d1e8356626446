"""``/Bulk`` (RFC 7644 §3.7)."""

from typing import NoReturn

from flask import Blueprint, Response
from werkzeug.exceptions import MethodNotAllowed

from scim_server.actions.bulk import prepare_bulk, run_bulk
from scim_server.protocol.bulk import bulk_reply, read_bulk
from scim_server.store.session import transact
from scim_server.web.requests import current_request, scim_response
from scim_server.web.scim.reading import read_body
from scim_server.web.site import current_site

blueprint = Blueprint("bulk", __name__)


@blueprint.post("/Bulk")
def bulk() -> Response:
    """Run the operations of a BulkRequest; the answer is 200, each operation has its own status."""
    site, sent = current_site(), current_request()
    prepared = prepare_bulk(read_bulk(read_body(), sent.leniences), site.store.catalog, sent.leniences)
    base_url = site.scim_url()
    results = transact(site.store, sent.credentials, lambda tenant: run_bulk(tenant, prepared, base_url))
    return scim_response(bulk_reply(results))


@blueprint.route("/Bulk", methods=["GET", "PUT", "PATCH", "DELETE"])
def refuse_bulk() -> NoReturn:
    """Refuse every other method, before ``Bulk`` is looked for among the resource types."""
    raise MethodNotAllowed(valid_methods=["POST", "OPTIONS"])
