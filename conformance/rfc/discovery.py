"""Discovery: ServiceProviderConfig, ResourceTypes and Schemas (RFC 7643 §5-§7, RFC 7644 §4)."""

from conformance.rfc.answers import LIST_SCHEMA, Answer, Body, pick
from conformance.rfc.capabilities import USER
from conformance.rfc.check import check
from conformance.rfc.client import Scim

CONFIG, TYPES, SCHEMAS = "/ServiceProviderConfig", "/ResourceTypes", "/Schemas"
DATA_TYPES = {"string", "boolean", "decimal", "integer", "datetime", "reference", "complex", "binary"}
CHARACTERISTICS = {
    "mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
    "returned": {"always", "never", "default", "request"},
    "uniqueness": {"none", "server", "global"},
}


@check("discovery.config", "must", "7644 §4", "GET /ServiceProviderConfig returns a JSON structure for the provider")
def config(scim: Scim) -> None:
    """Read the configuration."""
    answer = scim.get(CONFIG).expect(200)
    wanted = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
    answer.holds(wanted in (answer.get("schemas") or []), "its schema URI is not in schemas")


@check(
    "discovery.config-features", "must", "7643 §5", "patch, bulk, filter, changePassword, sort and etag are REQUIRED"
)
def config_features(scim: Scim) -> None:
    """Look for each feature's `supported`."""
    answer = scim.get(CONFIG).expect(200)
    for feature in ("patch", "bulk", "filter", "changePassword", "sort", "etag"):
        supported = answer.get(feature, "supported")
        answer.holds(isinstance(supported, bool), f"{feature}.supported is no boolean")


@check(
    "discovery.config-limits", "must", "7643 §5", "maxOperations, maxPayloadSize and maxResults are REQUIRED integers"
)
def config_limits(scim: Scim) -> None:
    """Look for the three limits."""
    answer = scim.get(CONFIG).expect(200)
    for name in ("bulk.maxOperations", "bulk.maxPayloadSize", "filter.maxResults"):
        answer.holds(type(answer.get(name)) is int, f"{name} is no integer")


@check(
    "discovery.config-authentication",
    "must",
    "7643 §5",
    "authenticationSchemes is REQUIRED, with type, name, description",
)
def config_authentication(scim: Scim) -> None:
    """Look at each authentication scheme."""
    answer = scim.get(CONFIG).expect(200)
    schemes = answer.get("authenticationSchemes")
    answer.holds(isinstance(schemes, list), "authenticationSchemes is no array")
    for scheme in schemes:
        for name in ("type", "name", "description"):
            answer.holds(isinstance(pick(scheme, name), str), f"an authentication scheme has no {name}")


@check("discovery.config-read-only", "must", "7643 §5", "The service provider configuration is read-only to clients")
def config_read_only(scim: Scim) -> None:
    """Send it back unchanged by PUT, which must not be accepted."""
    body = scim.get(CONFIG).expect(200).body
    answer = scim.put(CONFIG, body)
    answer.holds(answer.status >= 400, f"PUT answers {answer.status}")


@check("discovery.resource-types", "must", "7643 §6", "A resource type has a REQUIRED name, endpoint and schema")
def resource_types(scim: Scim) -> None:
    """List the resource types; there is one for users."""
    answer = _listed(scim, TYPES)
    for one in answer.resources:
        for name in ("name", "endpoint", "schema"):
            answer.holds(bool(pick(one, name)), f"a resource type has no {name}")
    answer.holds(any(pick(one, "schema") == USER for one in answer.resources), "no resource type has the User schema")


@check(
    "discovery.resource-type", "must", "7644 §4", "A single resource type is returned as any resource, by its location"
)
def resource_type(scim: Scim) -> None:
    """Read each resource type on its own."""
    for one in _listed(scim, TYPES).resources:
        answer = scim.get(f"{TYPES}/{pick(one, 'id') or pick(one, 'name')}").expect(200)
        answer.equal(pick(one, "endpoint"), "endpoint").equal(pick(one, "schema"), "schema")


@check("discovery.endpoints", "must", "7643 §6", "A resource type's endpoint is relative to the base URL and is served")
def endpoints(scim: Scim) -> None:
    """GET each endpoint announced."""
    for one in _listed(scim, TYPES).resources:
        endpoint = str(pick(one, "endpoint"))
        path = endpoint if endpoint.startswith("/") else f"/{endpoint}"
        scim.get(path.replace(scim.target.base, ""), {"count": 1}).expect(200)


@check("discovery.schemas", "must", "7644 §4", "GET /Schemas returns all supported schemas in ListResponse format")
def schemas(scim: Scim) -> None:
    """Look for the schema and extensions of each resource type."""
    answer = scim.get(SCHEMAS).expect(200)
    known = {str(pick(one, "id")) for one in answer.resources}
    for one in _listed(scim, TYPES).resources:
        extensions = pick(one, "schemaExtensions") or []
        for urn in [pick(one, "schema"), *(pick(extension, "schema") for extension in extensions)]:
            answer.holds(urn in known, f"the schema {urn} of a resource type is not listed")


@check("discovery.schema", "must", "7644 §4", "A schema is returned by appending its URI to the /Schemas endpoint")
def schema(scim: Scim) -> None:
    """Read each schema on its own."""
    for one in _listed(scim, SCHEMAS).resources:
        answer = scim.get(f"{SCHEMAS}/{pick(one, 'id')}").expect(200).equal(pick(one, "id"), "id")
        answer.holds(bool(answer.get("attributes")), "the schema has no attributes")


@check(
    "discovery.schema-characteristics",
    "must",
    "7643 §7",
    "Each attribute has a type and characteristics of those defined",
)
def schema_characteristics(scim: Scim) -> None:
    """Look at every attribute and sub-attribute."""
    answer = scim.get(SCHEMAS).expect(200)
    for one in answer.resources:
        for place, attribute in _attributes(pick(one, "attributes"), str(pick(one, "id"))):
            problem = _problem(attribute)
            answer.holds(problem is None, f"{place}: {problem}")


@check(
    "discovery.schema-user",
    "must",
    "7643 §4.1.1, §8.7.1",
    "userName is required and unique, password is never returned",
)
def schema_user(scim: Scim) -> None:
    """Compare what the User schema says of three attributes."""
    answer = scim.get(f"{SCHEMAS}/{USER}").expect(200)
    named = {str(pick(one, "name")).lower(): one for one in answer.get("attributes") or []}
    user_name = named.get("username")
    answer.holds(pick(user_name, "required") is True, "userName is not required")
    answer.holds(pick(user_name, "uniqueness") in ("server", "global"), "userName is not unique")
    if "password" in named:
        answer.holds(pick(named["password"], "returned") == "never", "password is returned")
        answer.holds(pick(named["password"], "mutability") == "writeOnly", "password is not writeOnly")
    if "groups" in named:
        answer.holds(pick(named["groups"], "mutability") == "readOnly", "groups is not readOnly")


@check(
    "discovery.filter-forbidden", "should", "7644 §4", "If a filter is provided, the provider SHOULD respond with 403"
)
def filter_forbidden(scim: Scim) -> None:
    """Filter each of the two lists."""
    for path in (TYPES, SCHEMAS):
        scim.get(path, {"filter": 'name eq "User"'}).expect(403)


@check("discovery.paging-ignored", "must", "7644 §4", "Sorting and pagination parameters SHALL be ignored")
def paging_ignored(scim: Scim) -> None:
    """Ask for a page that would be shorter."""
    for path in (TYPES, SCHEMAS):
        whole = scim.get(path).expect(200)
        part = scim.get(path, {"startIndex": 2, "count": 1, "sortBy": "name"}).expect(200)
        part.holds(sorted(part.ids) == sorted(whole.ids), f"{len(part.ids)} of {len(whole.ids)} are listed")


@check("discovery.unknown", "must", "7644 §3.12", "A schema or resource type that does not exist is a 404")
def unknown(scim: Scim) -> None:
    """Ask for what no server has."""
    scim.get(f"{SCHEMAS}/urn:example:{scim.run}").error(404)
    scim.get(f"{TYPES}/{scim.run}").error(404)


def _listed(scim: Scim, path: str) -> Answer:
    answer = scim.get(path).expect(200)
    answer.holds(LIST_SCHEMA in (answer.get("schemas") or []), "it is no ListResponse")
    return answer.holds(answer.total == len(answer.resources) > 0, "totalResults is not the number of Resources")


def _attributes(attributes: object, place: str) -> list[tuple[str, Body]]:
    found = []
    for one in attributes if isinstance(attributes, list) else []:
        here = f"{place}:{pick(one, 'name')}"
        found += [(here, one), *_attributes(pick(one, "subAttributes"), here)]
    return found


def _problem(attribute: Body) -> str | None:
    kind = str(pick(attribute, "type")).lower()
    if kind not in DATA_TYPES:
        return f"the type {pick(attribute, 'type')} is none of RFC 7643"
    if kind == "complex" and not pick(attribute, "subAttributes"):
        return "a complex attribute has no subAttributes"
    if not isinstance(pick(attribute, "multiValued"), bool):
        return "multiValued is no boolean"
    for name, allowed in CHARACTERISTICS.items():
        value = pick(attribute, name)
        if value is not None and value not in allowed:
            return f"{name} is {value}"
    return None
