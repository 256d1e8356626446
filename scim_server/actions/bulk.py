"""Bulk (RFC 7644 §3.7): many operations in one transaction, each undone alone when it fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from scim2_models import ConflictException, NotFoundException, SCIMException

from scim_server.actions.conflicts import explained
from scim_server.actions.resources import (
    Digests,
    create,
    delete,
    patch_resource,
    prepare,
    prepare_patch,
    replace_resource,
)
from scim_server.protocol.bulk import BulkOperation, BulkRequest, BulkResult, body_of, plan, references, resolve
from scim_server.protocol.catalog import Catalog, ResourceDefinition
from scim_server.protocol.documents import Parts
from scim_server.protocol.errors import MethodNotAllowedException, error_reply
from scim_server.protocol.members import AddMembers
from scim_server.protocol.patch import Patch
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.replies import StoredResource, etag, location
from scim_server.store.session import Tenant, new_id, savepoint

_Run = Callable[[Tenant], StoredResource | None]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An operation read by its schema: what to run, or why it cannot be.

    ``finish`` is what a creation in a circle of references leaves for when the others are there.
    """

    operation: BulkOperation
    definition: ResourceDefinition | None
    resource_id: str | None
    parts: Parts | None = None
    run: _Run | None = None
    finish: _Run | None = None
    error: SCIMException | None = None


@dataclass(frozen=True, slots=True)
class PreparedBulk:
    """A bulk request whose bodies are read and whose new resources have their ids already."""

    request: BulkRequest
    groups: Sequence[tuple[int, ...]]
    operations: tuple[_Prepared, ...]
    ids: Mapping[str, str]
    leniences: Leniences
    digests: Digests


def prepare_bulk(request: BulkRequest, catalog: Catalog, leniences: Leniences) -> PreparedBulk:
    """Return the operations read, before the transaction.

    Each POST gets the id of its resource now, so that ``bulkId:`` references forwards, backwards
    and in circles are plain ids from here on.
    """
    ids = {each.bulk_id: new_id() for each in request.operations if each.method == "POST" and each.bulk_id}
    digests = Digests()
    operations = [_prepare(each, ids, catalog, leniences, digests) for each in request.operations]
    groups = plan(request.operations)
    for circle in groups:
        if len(circle) > 1:
            # Also of those that could not be read: they fail, and the others with them.
            others = frozenset(ids[request.operations[index].bulk_id or ""] for index in circle)
            for index in circle:
                operations[index] = _in_circle(operations[index], others, leniences)
    return PreparedBulk(request, groups, tuple(operations), ids, leniences, digests)


def _in_circle(prepared: _Prepared, others: frozenset[str], leniences: Leniences) -> _Prepared:
    """Return a creation that adds those of its members afterwards that its circle has yet to create."""
    definition, parts, identifier = prepared.definition, prepared.parts, prepared.resource_id
    if definition is None or parts is None or identifier is None:
        return prepared
    later = tuple(each for each in parts.members if each in others)
    first = replace(parts, members=tuple(each for each in parts.members if each not in others))
    patch = Patch((), (AddMembers(later),))
    return replace(
        prepared,
        run=lambda tenant: create(tenant, definition, first, identifier),
        finish=(lambda tenant: patch_resource(tenant, definition, identifier, patch, None, leniences))
        if later
        else None,
    )


def _prepare(
    operation: BulkOperation, ids: Mapping[str, str], catalog: Catalog, leniences: Leniences, digests: Digests
) -> _Prepared:
    definition = catalog.by_endpoint(operation.endpoint)
    try:
        if definition is None:
            raise NotFoundException(detail=f"there is no endpoint /{operation.endpoint[:100]}; see /ResourceTypes")
        unknown = sorted(references(operation) - set(ids))
        if unknown:
            raise ConflictException(detail=f"no POST of this request has the bulkId {unknown[0][:100]!r}")
        resolved = resolve(operation, ids.__getitem__)
        if (resolved.resource_id is None) != (resolved.method == "POST"):
            raise MethodNotAllowedException(
                detail="a POST goes to an endpoint such as /Users, every other method to /Users/{id}"
            )
        new = ids.get(operation.bulk_id or "") or new_id()
        return _read(operation, resolved, definition, new, leniences, digests)
    except SCIMException as exc:
        return _Prepared(operation, definition, operation.resource_id, error=exc)


def _read(
    operation: BulkOperation,
    resolved: BulkOperation,
    definition: ResourceDefinition,
    new: str,
    leniences: Leniences,
    digests: Digests,
) -> _Prepared:
    """Return an operation with its body read by the schema of its resource type."""
    identifier, version = resolved.resource_id or new, resolved.version
    prepared = _Prepared(operation, definition, identifier)
    if resolved.method == "POST":
        parts = prepare(body_of(resolved), definition, leniences, digests)
        return replace(prepared, parts=parts, run=lambda tenant: create(tenant, definition, parts, identifier))
    if resolved.method == "PUT":
        whole = prepare(body_of(resolved), definition, leniences, digests)
        return replace(prepared, run=lambda tenant: replace_resource(tenant, definition, identifier, whole, version))
    if resolved.method == "PATCH":
        patch = prepare_patch(body_of(resolved), definition, identifier, leniences, digests)
        return replace(
            prepared, run=lambda tenant: patch_resource(tenant, definition, identifier, patch, version, leniences)
        )
    return replace(prepared, run=lambda tenant: delete(tenant, definition, identifier, version))


def run_bulk(tenant: Tenant, bulk: PreparedBulk, base_url: str) -> list[BulkResult]:
    """Run the operations, each behind a savepoint; return what came of those that ran, in their order.

    It stops once ``failOnErrors`` operations have failed. What refers to a creation that failed
    fails with 409, and creations that refer to each other in a circle fail together.
    """
    results: dict[int, BulkResult] = {}
    failed: set[str] = set()
    # Where a POST took over a user who was there before, its bulkId is the id of that user.
    taken: dict[str, str] = {}
    for group in bulk.groups:
        limit = bulk.request.fail_on_errors
        if limit is not None and sum(each.status >= 400 for each in results.values()) >= limit:
            break
        for index, result in _run_group(tenant, bulk, group, failed, taken, base_url).items():
            results[index] = result
            if result.status >= 400 and result.operation.method == "POST" and result.operation.bulk_id:
                failed.add(result.operation.bulk_id)
    return [results[index] for index in sorted(results)]


def _run_group(
    tenant: Tenant,
    bulk: PreparedBulk,
    group: tuple[int, ...],
    failed: set[str],
    taken: dict[str, str],
    base_url: str,
) -> dict[int, BulkResult]:
    """Run one operation, or creations that refer to each other in a circle, behind one savepoint."""
    operations = [(index, _after_taking(bulk, index, taken, tenant.catalog)) for index in group]
    stored: dict[int, StoredResource | None] = {}
    at = group[0]
    try:
        with savepoint(tenant):
            for at, prepared in operations:
                stored[at] = _run(tenant, prepared, failed)
            for at, prepared in operations:
                _note_taken(prepared, stored[at], taken, in_circle=len(group) > 1)
                if prepared.finish is not None:
                    stored[at] = prepared.finish(tenant)
    except SCIMException as exc:
        cause = explained(tenant, exc, bulk.operations[at].parts)
        circle = ConflictException(detail="another operation of this circle of references failed")
        return {index: _failure(each, cause if index == at else circle, base_url) for index, each in operations}
    return {index: _success(each, stored[index], base_url) for index, each in operations}


def _run(tenant: Tenant, prepared: _Prepared, failed: set[str]) -> StoredResource | None:
    if prepared.error is not None:
        raise prepared.error
    lost = sorted(references(prepared.operation) & failed)
    if lost:
        raise ConflictException(detail=f"the operation with the bulkId {lost[0][:100]!r} failed")
    assert prepared.run is not None
    return prepared.run(tenant)


def _after_taking(bulk: PreparedBulk, index: int, taken: Mapping[str, str], catalog: Catalog) -> _Prepared:
    """Return an operation, read again where it refers to a user who was taken over."""
    operation = bulk.request.operations[index]
    if references(operation) & taken.keys():
        return _prepare(operation, {**bulk.ids, **taken}, catalog, bulk.leniences, bulk.digests)
    return bulk.operations[index]


def _note_taken(prepared: _Prepared, stored: StoredResource | None, taken: dict[str, str], *, in_circle: bool) -> None:
    if stored is None or stored.id == prepared.resource_id:
        return
    if in_circle:
        raise ConflictException(detail="a circle of references cannot take over a user who exists already")
    if prepared.operation.bulk_id is not None:
        taken[prepared.operation.bulk_id] = stored.id


def _success(prepared: _Prepared, stored: StoredResource | None, base_url: str) -> BulkResult:
    if stored is None:
        return BulkResult(prepared.operation, 204, _location(prepared, base_url))
    place = _location(replace(prepared, resource_id=stored.id), base_url)
    status = 201 if prepared.operation.method == "POST" else 200
    return BulkResult(prepared.operation, status, place, etag(stored.version, None))


def _failure(prepared: _Prepared, error: SCIMException, base_url: str) -> BulkResult:
    # RFC 7644 §3.7: location is there for every operation but a POST that failed.
    place = None if prepared.operation.method == "POST" else _location(prepared, base_url)
    return BulkResult(prepared.operation, error.status, place, response=error_reply(error))


def _location(prepared: _Prepared, base_url: str) -> str | None:
    if prepared.definition is None or prepared.resource_id is None:
        return None
    return location(base_url, prepared.definition, prepared.resource_id)
