"""What a list or a search asks for (RFC 7644 §3.4.2, §3.4.3): filter, order, page and projection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scim2_models import InvalidCountException, InvalidSyntaxException, InvalidValueException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.projection import Projection, read_projection

SEARCH_REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
MAX_RESULTS = 1_000
"""The largest page, announced as ``filter.maxResults``; by index a larger ``count`` is read as this."""
DEFAULT_COUNT = 100
_MAX_INTEGER = 2**31 - 1

_TEXTS = ("filter", "sortby", "sortorder", "cursor")
_INTEGERS = ("startindex", "count")
_NAMES = ("attributes", "excludedattributes")


@dataclass(frozen=True, slots=True)
class Query:
    """A list request.

    ``start_index`` counts from 1. ``cursor`` is None where pages are counted by index, empty for
    the first page of a scan (RFC 9865 §2). ``count`` is at most ``MAX_RESULTS``, and None where a
    cursor decides it. ``where`` are columns that have a value besides, which SCIM knows nothing of.
    """

    filter: str | None
    sort_by: str | None
    descending: bool
    start_index: int
    count: int | None
    cursor: str | None
    projection: Projection
    where: tuple[tuple[Literal["state", "kind"], str], ...] = ()


def read_query(parameters: Mapping[str, Any], definitions: tuple[ResourceDefinition, ...]) -> Query:
    """Return the query of a request's parameters; names are compared without case, unknown ones ignored.

    RFC 7644 §3.4.2.4, RFC 9865 §2: a startIndex below 1 is 1, a negative count is 0.

    :raises InvalidValueException: When startIndex or count is no integer, sortOrder is unknown, or
        pages are asked for by index and by cursor at once.
    :raises InvalidCountException: When the count of a scan by cursor is above ``MAX_RESULTS``.
    """
    sent = {name.lower(): value for name, value in parameters.items()}
    order = (sent.get("sortorder") or "ascending").lower()
    if order not in ("ascending", "descending"):
        raise InvalidValueException(detail="sortOrder must be ascending or descending")
    cursor = sent.get("cursor")
    if cursor is not None and sent.get("startindex") not in (None, ""):
        raise InvalidValueException(detail="give a startIndex or a cursor, not both")
    return Query(
        filter=sent.get("filter") or None,
        sort_by=sent.get("sortby") or None,
        descending=order == "descending",
        start_index=max(1, _integer(sent.get("startindex"), "startIndex") or 1),
        count=_count(_integer(sent.get("count"), "count"), cursor),
        cursor=cursor,
        projection=read_projection(sent.get("attributes"), sent.get("excludedattributes"), definitions),
    )


def read_search(payload: Mapping[str, Any], definitions: tuple[ResourceDefinition, ...], leniences: Leniences) -> Query:
    """Return the query of a SearchRequest message (RFC 7644 §3.4.3).

    :raises InvalidSyntaxException: When the body is no SearchRequest; see also :func:`read_query`.
    """
    sent = {name.lower(): value for name, value in payload.items() if value is not None}
    schemas = sent.pop("schemas", None)
    if not isinstance(schemas, list) or SEARCH_REQUEST_URN.lower() not in {str(urn).lower() for urn in schemas}:
        if not leniences.profile.infers_schemas:
            raise InvalidSyntaxException(detail=f"schemas must hold {SEARCH_REQUEST_URN}")
        leniences.count("schemas_inferred")
    for name, value in sent.items():
        if name in _TEXTS and not isinstance(value, str):
            raise InvalidSyntaxException(detail=f"{name} must be a string")
        if name in _INTEGERS and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidValueException(detail=f"{name} must be an integer")
        if name in _NAMES and not _are_names(value):
            raise InvalidSyntaxException(detail=f"{name} must be an array of attribute names")
    return read_query(sent, definitions)


def _are_names(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _integer(value: Any, name: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = int(value) if len(str(value)) <= 30 else None
    except ValueError:
        number = None
    if number is None:
        raise InvalidValueException(detail=f"{name} must be an integer, not {str(value)[:30]!r}")
    return max(-_MAX_INTEGER, min(_MAX_INTEGER, number))


def _count(count: int | None, cursor: str | None) -> int | None:
    if cursor is None:
        return min(MAX_RESULTS, max(0, DEFAULT_COUNT if count is None else count))
    if count is None:
        return None if cursor else DEFAULT_COUNT
    if count > MAX_RESULTS:
        raise InvalidCountException(detail=f"the count of a scan by cursor must be at most {MAX_RESULTS}")
    return max(0, count)
