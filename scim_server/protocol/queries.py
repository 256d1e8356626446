"""What a list asks for (RFC 7644 §3.4.2): filter, order, page and projection."""

from collections.abc import Mapping
from dataclasses import dataclass

from scim2_models import InvalidValueException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import Projection, read_projection

MAX_RESULTS = 1_000
"""The largest page, announced as ``filter.maxResults``; a larger ``count`` is read as this."""
DEFAULT_COUNT = 100
_MAX_INTEGER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Query:
    """A list request; ``start_index`` counts from 1 and ``count`` is at most ``MAX_RESULTS``."""

    filter: str | None
    sort_by: str | None
    descending: bool
    start_index: int
    count: int
    projection: Projection


def read_query(parameters: Mapping[str, str], definitions: tuple[ResourceDefinition, ...]) -> Query:
    """Return the query of a request's parameters; names are compared without case, unknown ones ignored.

    RFC 7644 §3.4.2.4: a startIndex below 1 is 1, a negative count is 0.

    :raises InvalidValueException: When startIndex or count is no integer, or sortOrder is unknown.
    """
    sent = {name.lower(): value for name, value in parameters.items()}
    order = (sent.get("sortorder") or "ascending").lower()
    if order not in ("ascending", "descending"):
        raise InvalidValueException(detail="sortOrder must be ascending or descending")
    return Query(
        filter=sent.get("filter") or None,
        sort_by=sent.get("sortby") or None,
        descending=order == "descending",
        start_index=max(1, _integer(sent.get("startindex"), "startIndex", 1)),
        count=min(MAX_RESULTS, max(0, _integer(sent.get("count"), "count", DEFAULT_COUNT))),
        projection=read_projection(sent.get("attributes"), sent.get("excludedattributes"), definitions),
    )


def _integer(text: str | None, name: str, default: int) -> int:
    if text is None or not text.strip():
        return default
    try:
        number = int(text) if len(text) <= 30 else None
    except ValueError:
        number = None
    if number is None:
        raise InvalidValueException(detail=f"{name} must be an integer, not {text[:30]!r}")
    return max(-_MAX_INTEGER, min(_MAX_INTEGER, number))
