"""Answers as bytes, spliced from stored documents: nothing is modelled on the way out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any, NamedTuple

import orjson
from scim2_models import PreconditionFailedException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import Projection, project

LIST_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class GroupOfUser(NamedTuple):
    """A group a user belongs to (RFC 7643 §4.1.2): ``direct``, or through a nested group."""

    id: str
    display: str
    direct: bool


class Member(NamedTuple):
    """A member of a group; ``type`` is the name of its resource type, served at ``endpoint``."""

    id: str
    type: str
    endpoint: str
    display: str | None


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource as it is kept; ``groups`` and ``members`` are None where they were not read.

    ``streams_members`` says that the group has too many members to hold at once.
    """

    id: str
    document: str
    active: bool | None
    version: int
    created_at: datetime
    modified_at: datetime
    groups: tuple[GroupOfUser, ...] | None = None
    members: tuple[Member, ...] | None = None
    streams_members: bool = False


def timestamp(moment: datetime) -> str:
    """Return a moment as ``meta`` has it: UTC, milliseconds."""
    # Its last six characters are +00:00.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def etag(version: int, groups: Sequence[GroupOfUser] | None) -> str:
    """Return the version of a representation (RFC 7644 §3.14): the row's, and that of its ``groups``.

    The row counts what requests write to the resource. ``groups`` changes without that, so a
    representation that carries some has their digest in its tag: a 304 never hides a change of
    groups, and ``If-Match`` compares the row's part alone.
    """
    if not groups:
        return f'W/"{version}"'
    digest = blake2s(orjson.dumps([tuple(each) for each in groups]), digest_size=6)
    return f'W/"{version}.{digest.hexdigest()}"'


def row_versions(if_match: str) -> set[int] | None:
    """Return the row versions an ``If-Match`` or ``version`` names, None for ``*``; foreign tags name none."""
    versions = set()
    for tag in if_match.split(","):
        text = tag.strip()
        if text == "*":
            return None
        number = text.removeprefix("W/").strip('"').partition(".")[0]
        if number.isascii() and number.isdigit() and len(number) < 10:
            versions.add(int(number))
    return versions


def location(base_url: str, definition: ResourceDefinition, resource_id: str) -> str:
    """Return the URI of a resource."""
    return f"{base_url}{definition.endpoint}/{resource_id}"


def resource_reply(
    stored: StoredResource, definition: ResourceDefinition, base_url: str, projection: Projection
) -> bytes:
    """Return a resource (RFC 7643 §3), ``groups`` and ``members`` included where they were read."""
    if projection.is_whole and not definition.stores_hidden:
        computed = orjson.dumps(_computed(stored, definition, base_url))
        return b"".join((b'{"id":"', stored.id.encode(), b'",', stored.document.encode()[1:-1], b",", computed[1:]))
    whole = {"id": stored.id, **orjson.loads(stored.document), **_computed(stored, definition, base_url)}
    return orjson.dumps(project(whole, definition, projection))


def _computed(stored: StoredResource, definition: ResourceDefinition, base_url: str) -> dict[str, Any]:
    computed: dict[str, Any] = {}
    if stored.active is not None:
        computed["active"] = stored.active
    if stored.groups:
        computed["groups"] = [
            {
                "value": group.id,
                "$ref": f"{base_url}/Groups/{group.id}",
                "display": group.display,
                "type": "direct" if group.direct else "indirect",
            }
            for group in stored.groups
        ]
    if stored.members:
        computed["members"] = [_member(member, base_url) for member in stored.members]
    created = timestamp(stored.created_at)
    computed["meta"] = {
        "resourceType": definition.name,
        "created": created,
        "lastModified": created if stored.modified_at == stored.created_at else timestamp(stored.modified_at),
        "location": location(base_url, definition, stored.id),
        "version": etag(stored.version, stored.groups),
    }
    return computed


def _member(member: Member, base_url: str) -> dict[str, str]:
    return {
        "value": member.id,
        "$ref": f"{base_url}{member.endpoint}/{member.id}",
        "type": member.type,
        "display": member.display or member.id,
    }


def group_stream(
    reply: bytes,
    members: Iterable[Sequence[Member]],
    definition: ResourceDefinition,
    base_url: str,
    projection: Projection,
) -> Iterator[bytes]:
    """Yield a group with its members, chunk by chunk.

    :param reply: The group without members, as :func:`resource_reply` returns it.
    """
    yield reply[:-1]
    part = Projection(
        frozenset(each for each in projection.included if each.startswith("members")), projection.excluded
    )
    separator = b',"members":['
    for chunk in members:
        whole = [_member(member, base_url) for member in chunk]
        if not projection.is_whole:
            whole = project({"members": whole}, definition, part).get("members", [])
        if whole:  # A projection may leave nothing of them.
            # One array of the chunk without its brackets: a member costs no call of its own.
            yield separator + orjson.dumps(whole)[1:-1]
            separator = b","
    yield b"]}" if separator == b"," else b"}"


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page stands in its list: ``start_index`` by index, the cursors around it by cursor."""

    total: int
    start_index: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


def list_reply(resources: Iterable[bytes], page: Page) -> bytes:
    """Return a list (RFC 7644 §3.4.2); ``Resources`` is present when empty, as Entra ID needs it."""
    listed = list(resources)
    return b"".join((list_head(len(listed), page), b",".join(listed), b"]}"))


def list_head(items: int, page: Page) -> bytes:
    """Return what comes before the resources of a list; ``]}`` comes after them."""
    head: dict[str, Any] = {"schemas": [LIST_RESPONSE_URN], "totalResults": page.total}
    if page.start_index is not None:
        head["startIndex"] = page.start_index
    head["itemsPerPage"] = items
    # RFC 9865 §2: a cursor is left out where there is no further page on its side.
    cursors = {"nextCursor": page.next_cursor, "previousCursor": page.previous_cursor}
    head.update({name: cursor for name, cursor in cursors.items() if cursor is not None})
    return orjson.dumps(head)[:-1] + b',"Resources":['


def check_version(version: int, if_match: str | None) -> None:
    """Check ``If-Match`` (RFC 7644 §3.14) against the version of a row that is locked, so nothing comes between.

    :raises PreconditionFailedException: When it names another version.
    """
    versions = row_versions(if_match) if if_match is not None else None
    if versions is not None and version not in versions:
        raise PreconditionFailedException(
            detail="the resource has changed since that version; read it again, then send the change"
        )
