"""Answers spliced from stored documents: the same as if they were put together and projected whole."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import WHOLE, Projection, project, read_projection
from scim_server.protocol.replies import (
    LIST_RESPONSE_URN,
    GroupOfUser,
    Member,
    Page,
    StoredResource,
    etag,
    group_stream,
    list_reply,
    location,
    resource_reply,
    row_versions,
    timestamp,
)
from tests.protocol import payloads
from tests.protocol.devices import DEVICE, GROUP, USER

BASE = "https://example.com/scim/v2"
CREATED = datetime(2026, 1, 31, 8, 0, 0, 123_999, tzinfo=UTC)
MODIFIED = datetime(2026, 2, 1, 9, tzinfo=timezone(timedelta(hours=1)))

_APART = frozenset({"password", "active", "members"})
_TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6)
_GROUPS = st.lists(st.builds(GroupOfUser, _TEXTS, _TEXTS, st.booleans()), max_size=3).map(tuple)
_MEMBERS = st.lists(st.builds(Member, _TEXTS, st.just("User"), st.just("/Users"), _TEXTS | st.none()), max_size=5).map(
    tuple
)
_PROJECTIONS = st.sampled_from(
    [
        WHOLE,
        Projection(included=frozenset({"members"})),
        Projection(included=frozenset({"members.value"})),
        Projection(included=frozenset({"displayname", "members.display"})),
        Projection(included=frozenset({"members.unheardof", "username"})),
        Projection(excluded=frozenset({"members.display", "groups.$ref"})),
        Projection(excluded=frozenset({"members.value", "members.$ref", "members.type", "members.display"})),
        Projection(excluded=frozenset({"meta", "active"})),
    ]
)


@st.composite
def _stored(draw: st.DrawFn, definition: ResourceDefinition) -> tuple[dict[str, Any], StoredResource]:
    document = draw(payloads.documents(definition, _APART))
    return document, StoredResource(
        id="0190f5e0-0000-7000-8000-000000000001",
        document=orjson.dumps(document).decode(),
        active=draw(st.booleans()) if definition.has_active else None,
        version=draw(st.integers(1, 10**6)),
        created_at=CREATED,
        modified_at=MODIFIED,
        groups=draw(_GROUPS | st.none()) if definition.is_user else None,
        members=draw(_MEMBERS | st.none()) if definition.is_group else None,
    )


def _whole(document: dict[str, Any], stored: StoredResource, definition: ResourceDefinition) -> dict[str, Any]:
    """Return the resource put together as a client is to see it, nothing left out."""
    whole = {"id": stored.id, **document}
    if stored.active is not None:
        whole["active"] = stored.active
    if stored.groups:
        whole["groups"] = [
            {
                "value": group.id,
                "$ref": f"{BASE}/Groups/{group.id}",
                "display": group.display,
                "type": "direct" if group.direct else "indirect",
            }
            for group in stored.groups
        ]
    if stored.members:
        whole["members"] = [_member(member) for member in stored.members]
    whole["meta"] = {
        "resourceType": definition.name,
        "created": "2026-01-31T08:00:00.123Z",
        "lastModified": "2026-02-01T08:00:00.000Z",
        "location": f"{BASE}{definition.endpoint}/{stored.id}",
        "version": etag(stored.version, stored.groups),
    }
    return whole


def _member(member: Member) -> dict[str, str]:
    shown = member.display or member.id
    return {"value": member.id, "$ref": f"{BASE}/Users/{member.id}", "type": "User", "display": shown}


@given(data=st.data(), definition=st.sampled_from((USER, GROUP, DEVICE)), projection=_PROJECTIONS)
def test_a_spliced_answer_is_the_whole_projected(
    data: st.DataObject, definition: ResourceDefinition, projection: Projection
) -> None:
    """Splicing stored text gives what projecting the whole resource gives, in every form."""
    document, stored = data.draw(_stored(definition))
    reply = resource_reply(stored, definition, BASE, projection)
    assert orjson.loads(reply) == project(_whole(document, stored, definition), definition, projection)


@given(data=st.data(), chunk_size=st.integers(1, 3), projection=_PROJECTIONS)
def test_a_streamed_group_is_the_whole_projected(data: st.DataObject, chunk_size: int, projection: Projection) -> None:
    """A group streamed in chunks is the group in one piece, whatever its members are reduced to."""
    document, stored = data.draw(_stored(GROUP))
    members = stored.members or ()
    expected = project(_whole(document, stored, GROUP), GROUP, projection)
    without = StoredResource(stored.id, stored.document, None, stored.version, CREATED, MODIFIED, streams_members=True)
    chunks = [members[start : start + chunk_size] for start in range(0, len(members), chunk_size)]
    reply = resource_reply(without, GROUP, BASE, projection)
    found = orjson.loads(b"".join(group_stream(reply, chunks, GROUP, BASE, projection)))
    assert found == expected


def test_what_is_never_returned_is_not_spliced() -> None:
    """A document that holds what is not always returned is projected, also where all of it is asked for."""
    stored = StoredResource("1", '{"schemas":[],"serial":"1","draft":"d","history":"h"}', None, 1, CREATED, CREATED)
    found = orjson.loads(resource_reply(stored, DEVICE, BASE, WHOLE))
    assert set(found) == {"schemas", "id", "serial", "meta"}


def test_what_is_stored_is_sent_byte_by_byte() -> None:
    """The text of a document is sent as it stands: nothing is read and written again."""
    stored = StoredResource("1", '{"schemas":["x"],"userName":"\\u00e9 1.0"}', True, 1, CREATED, CREATED)
    reply = resource_reply(stored, USER, BASE, WHOLE)
    assert reply.startswith(b'{"id":"1","schemas":["x"],"userName":"\\u00e9 1.0","active":true,"meta":{')


def test_timestamps_are_in_utc_and_milliseconds() -> None:
    """Moments are cut, not rounded, to milliseconds, so that what is read is never after what was written."""
    assert timestamp(CREATED) == "2026-01-31T08:00:00.123Z"
    assert timestamp(MODIFIED) == "2026-02-01T08:00:00.000Z"


def test_a_location_is_absolute() -> None:
    """A resource is found at its endpoint."""
    assert location(BASE, DEVICE, "1") == f"{BASE}/Devices/1"


@given(version=st.integers(1, 10**9 - 1), groups=_GROUPS)
def test_a_tag_names_its_row(version: int, groups: tuple[GroupOfUser, ...]) -> None:
    """The tag of an answer is accepted in If-Match for the version of the row, groups or not."""
    assert row_versions(etag(version, groups)) == {version}


@given(one=_GROUPS, other=_GROUPS)
def test_a_tag_changes_with_the_groups(one: tuple[GroupOfUser, ...], other: tuple[GroupOfUser, ...]) -> None:
    """Answers that carry other groups have other tags, so that a 304 hides no change of groups."""
    assert (etag(1, one) == etag(1, other)) == (one == other)


@pytest.mark.parametrize(
    ("if_match", "versions"),
    [
        ("*", None),
        ('W/"1", *', None),
        ('W/"1"', {1}),
        ('"1"', {1}),
        ("1", {1}),
        ('W/"1", "2" ,W/"3.aB"', {1, 2, 3}),
        ('W/"x"', set()),
        ("", set()),
        ('W/""', set()),
        ('W/"-1"', set()),
        ('W/"١"', set()),
        ('W/"' + "9" * 5_000 + '"', set()),
    ],
)
def test_a_precondition_names_versions(if_match: str, versions: set[int] | None) -> None:
    """``If-Match`` names versions, any by ``*``; tags that are not ours name none, and match nothing."""
    assert row_versions(if_match) == versions


@given(resources=st.lists(st.dictionaries(_TEXTS, _TEXTS, max_size=2), max_size=4), total=st.integers(0, 10**6))
def test_a_list_holds_its_resources(resources: list[dict[str, str]], total: int) -> None:
    """A list holds its resources as they are; ``Resources`` is there when empty, as Entra ID needs it."""
    listed = orjson.loads(list_reply((orjson.dumps(each) for each in resources), Page(total, start_index=3)))
    assert listed == {
        "schemas": [LIST_RESPONSE_URN],
        "totalResults": total,
        "startIndex": 3,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


def test_a_page_by_cursor_names_its_neighbours() -> None:
    """A page by cursor has the cursors around it, and no startIndex (RFC 9865 §2)."""
    listed = orjson.loads(list_reply([], Page(7, next_cursor="n")))
    assert (listed["nextCursor"], "previousCursor" in listed, "startIndex" in listed) == ("n", False, False)
    assert orjson.loads(list_reply([], Page(7, previous_cursor="p")))["previousCursor"] == "p"


def test_a_projection_of_names_is_read_for_members() -> None:
    """The names of a request reach the members of a group that is streamed."""
    projection = read_projection("members.value", None, (GROUP,))
    stored = StoredResource("1", '{"schemas":[],"displayName":"g"}', None, 1, CREATED, CREATED)
    chunks = [[Member("a", "User", "/Users", None)], [Member("b", "User", "/Users", None)]]
    reply = resource_reply(stored, GROUP, BASE, projection)
    found = orjson.loads(b"".join(group_stream(reply, chunks, GROUP, BASE, projection)))
    assert found["members"] == [{"value": "a"}, {"value": "b"}]
