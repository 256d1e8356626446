"""The key of cursors is rotated without ending the scans that are under way."""

from datetime import UTC, datetime

import pytest
from scim2_models import InvalidCursorException

from scim_server.protocol.cursors import CursorKey, Position, read_cursor, write_cursor

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PLACE = Position("a", "00000000-0000-7000-8000-000000000000", backwards=False)


def test_a_cursor_of_the_previous_key_is_read() -> None:
    """New ones are of the current key; without the previous one, the scan starts again."""
    before = CursorKey.derive("the key before")
    both, after = CursorKey.derive("the key after", "the key before"), CursorKey.derive("the key after")
    cursor = write_cursor(before, "query", 10, PLACE, NOW)
    assert read_cursor(both, cursor, "query", None, NOW) == (10, PLACE)
    with pytest.raises(InvalidCursorException):
        read_cursor(after, cursor, "query", None, NOW)
    assert read_cursor(after, write_cursor(both, "query", 10, PLACE, NOW), "query", None, NOW) == (10, PLACE)
