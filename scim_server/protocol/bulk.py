"""Bulk requests (RFC 7644 §3.7): their operations, and the order their ``bulkId`` references ask for."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from scim2_models import InvalidSyntaxException, InvalidValueException, PayloadTooLargeException

from scim_server.protocol.profiles import Leniences

BULK_REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
MAX_OPERATIONS = 1_000
"""The most operations of one request, announced as ``bulk.maxOperations``."""

METHODS = ("POST", "PUT", "PATCH", "DELETE")

_PREFIX = "bulkId:"
_PATH = re.compile(r"/?([A-Za-z0-9_.-]+)(?:/([^/?#]+))?/?")


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation: a method on an endpoint, and on a resource of it but for a POST.

    ``refers`` says whether there may be references to other operations in it.
    """

    method: str
    endpoint: str
    resource_id: str | None
    bulk_id: str | None
    version: str | None
    data: Any
    refers: bool


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """The operations of a request, and after how many errors it stops; None is never."""

    operations: tuple[BulkOperation, ...]
    fail_on_errors: int | None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of one operation; ``response`` is the body of its error."""

    operation: BulkOperation
    status: int
    location: str | None = None
    version: str | None = None
    response: bytes | None = None


def read_bulk(payload: Mapping[str, Any], leniences: Leniences) -> BulkRequest:
    """Return the operations of a BulkRequest message.

    :raises InvalidSyntaxException: When the body is no BulkRequest, or an operation has no method or path.
    :raises PayloadTooLargeException: When there are more than ``MAX_OPERATIONS``.
    """
    members = {name.lower(): value for name, value in payload.items()}
    schemas = members.get("schemas")
    if not isinstance(schemas, list) or BULK_REQUEST_URN.lower() not in {str(urn).lower() for urn in schemas}:
        if not leniences.profile.infers_schemas:
            raise InvalidSyntaxException(detail=f"schemas must hold {BULK_REQUEST_URN}")
        leniences.count("schemas_inferred")
    operations = members.get("operations")
    if not isinstance(operations, list) or not operations:
        raise InvalidSyntaxException(detail="Operations must be an array of at least one operation")
    if len(operations) > MAX_OPERATIONS:
        raise PayloadTooLargeException(
            detail=f"the request has {len(operations)} operations; accepted: at most {MAX_OPERATIONS} (maxOperations)"
        )
    fail_on_errors = members.get("failonerrors")
    if fail_on_errors is not None and (
        isinstance(fail_on_errors, bool) or not isinstance(fail_on_errors, int) or fail_on_errors < 1
    ):
        raise InvalidSyntaxException(detail="failOnErrors must be an integer of at least 1")
    read = tuple(_read_operation(each, f"Operations[{index}]", leniences) for index, each in enumerate(operations))
    bulk_ids = [each.bulk_id for each in read if each.method == "POST" and each.bulk_id is not None]
    if len(set(bulk_ids)) != len(bulk_ids):
        raise InvalidSyntaxException(detail="two POST operations have the same bulkId; each needs its own")
    return BulkRequest(read, fail_on_errors)


def _read_operation(operation: Any, where: str, leniences: Leniences) -> BulkOperation:
    if not isinstance(operation, dict):
        raise InvalidSyntaxException(detail=f"{where} must be an object")
    members = {name.lower(): value for name, value in operation.items()}
    method = members.get("method")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise InvalidSyntaxException(detail=f"{where}.method must be one of {', '.join(METHODS)}")
    path = members.get("path")
    match = _PATH.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise InvalidSyntaxException(detail=f"{where}.path must be an endpoint such as /Users or /Users/{{id}}")
    for name in ("bulkid", "version"):
        if members.get(name) is not None and not isinstance(members[name], str):
            raise InvalidSyntaxException(detail=f"{where}.{'bulkId' if name == 'bulkid' else name} must be a string")
    if method.upper() == "POST" and not members.get("bulkid") and not leniences.profile.infers_schemas:
        # RFC 7644 §3.7: bulkId is REQUIRED when "method" is "POST".
        raise InvalidSyntaxException(detail=f"{where}.bulkId is required for a POST")
    data = members.get("data")
    return BulkOperation(
        method.upper(),
        match[1],
        match[2],
        members.get("bulkid"),
        members.get("version"),
        data,
        _PREFIX in match[0] or _PREFIX.encode() in orjson.dumps(data),
    )


def plan(operations: Sequence[BulkOperation]) -> list[tuple[int, ...]]:
    """Return the order to run operations in, as groups of their positions.

    An operation runs where it stands, but after the creations it refers to. Creations that refer
    to each other in a circle are one group, which succeeds or fails as a whole; every other group
    is a single operation.
    """
    creations = {each.bulk_id: index for index, each in enumerate(operations) if each.method == "POST" and each.bulk_id}
    needs = [
        sorted({creations[name] for name in references(each) if name in creations} - {index})
        for index, each in enumerate(operations)
    ]
    return _components(needs)


def _components(needs: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return the strongly connected components of a graph, each after those it needs (Tarjan).

    Without recursion: a chain of references may be as long as the request.
    """
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    open_nodes: list[int] = []
    components: list[tuple[int, ...]] = []
    closed: set[int] = set()
    for root in range(len(needs)):
        stack: list[tuple[int, Iterator[int]]] = [] if root in order else [(root, iter(needs[root]))]
        while stack:
            node, rest = stack[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                open_nodes.append(node)
            further = next((each for each in rest if each not in closed), None)
            if further is None:
                stack.pop()
                if stack:
                    lowest[stack[-1][0]] = min(lowest[stack[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    place = open_nodes.index(node)
                    components.append(tuple(sorted(open_nodes[place:])))
                    closed.update(open_nodes[place:])
                    del open_nodes[place:]
            elif further in order:
                lowest[node] = min(lowest[node], order[further])
            else:
                stack.append((further, iter(needs[further])))
    return components


def references(operation: BulkOperation) -> set[str]:
    """Return the bulkIds an operation refers to, in its path or anywhere in its data."""
    found: set[str] = set()
    if not operation.refers:
        return found

    def note(bulk_id: str) -> str:
        found.add(bulk_id)
        return bulk_id

    resolve(operation, note)
    return found


def resolve(operation: BulkOperation, identifier: Callable[[str], str]) -> BulkOperation:
    """Return an operation with its ``bulkId:…`` references replaced (RFC 7644 §3.7.2)."""
    if not operation.refers:
        return operation
    resource_id = operation.resource_id
    if resource_id is not None and resource_id.startswith(_PREFIX):
        resource_id = identifier(resource_id.removeprefix(_PREFIX))
    return BulkOperation(
        operation.method,
        operation.endpoint,
        resource_id,
        operation.bulk_id,
        operation.version,
        _resolved(operation.data, identifier),
        refers=False,
    )


_FILTERED = re.compile(r'"bulkId:([^"\\]+)"')


def _resolved(value: Any, identifier: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(item, identifier) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, identifier) for item in value]
    if not isinstance(value, str) or _PREFIX not in value:
        return value
    if value.startswith(_PREFIX):
        return identifier(value.removeprefix(_PREFIX))
    # A reference inside a path: members[value eq "bulkId:…"].
    return _FILTERED.sub(lambda match: f'"{identifier(match[1])}"', value)


def body_of(operation: BulkOperation) -> dict[str, Any]:
    """Return the data of an operation that needs some.

    :raises InvalidValueException: When it has none.
    """
    if not isinstance(operation.data, dict):
        raise InvalidValueException(detail=f"data must be an object for a {operation.method}")
    return operation.data


def bulk_reply(results: Sequence[BulkResult]) -> bytes:
    """Return a BulkResponse: per operation its status, and the error body where it failed."""
    operations = []
    for result in results:
        reply: dict[str, Any] = {"method": result.operation.method, "status": str(result.status)}
        members = {
            "bulkId": result.operation.bulk_id,
            "location": result.location,
            "version": result.version,
            "response": None if result.response is None else orjson.Fragment(result.response),
        }
        reply.update({name: value for name, value in members.items() if value is not None})
        operations.append(reply)
    return orjson.dumps({"schemas": [BULK_RESPONSE_URN], "Operations": operations})
