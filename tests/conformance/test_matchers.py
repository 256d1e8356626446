"""The rules of matchers: what holds, and above all what does not."""

import pytest

from conformance.json_types import Json
from conformance.matchers import MATCHERS, MatcherError, check_expected, holds
from conformance.paths import Selection

ABSENT = Selection((), many=False)


def one(value: Json) -> Selection:
    """Build what a path without `[*]` found."""
    return Selection((value,), many=False)


def many(*values: Json) -> Selection:
    """Build what a path with `[*]` found."""
    return Selection(values, many=True)


HOLDS: list[tuple[Selection, Json]] = [
    (one("x"), "x"),
    (one({"a": [1]}), {"a": [1]}),
    (many("a"), ["a"]),
    (many(), []),
    (one(None), {"$exists": True}),
    (ABSENT, {"$exists": False}),
    (ABSENT, {"$absent": True}),
    (many(), {"$absent": True}),
    (one(None), {"$absent_or_null": True}),
    (ABSENT, {"$absent_or_null": True}),
    (one(""), {"$absent_or_empty": True}),
    (one([]), {"$absent_or_empty": True}),
    (one({"value": "", "b": {}}), {"$absent_or_empty": True}),
    (ABSENT, {"$absent_or_empty": True}),
    (one(False), {"$not_empty": True}),
    (one(0), {"$not_empty": True}),
    (one(1), {"$type": "integer"}),
    (one(1.5), {"$type": "number"}),
    (one([1, 2]), {"$len": 2}),
    (ABSENT, {"$len": 0}),
    (one([]), {"$len": 0}),
    (one([1, 2]), {"$len_gte": 2}),
    (one([1, 2]), {"$len_lte": 2}),
    (one(3), {"$gte": 3, "$lte": 3}),
    (one("2026-01-02"), {"$gte": "2026-01-01"}),
    (one("/v2/Users/1"), {"$regex": "/Users/"}),
    (one("409"), {"$in": ["409", 409]}),
    (one(409), {"$in": ["409", 409]}),
    (one("Bearer"), {"$ieq": "bearer"}),
    (one(["a", "b"]), {"$contains": "a"}),
    (one("abc"), {"$contains": "b"}),
    (one(["a", "b"]), {"$contains": ["b", "a"]}),
    (one(["a"]), {"$not_contains": "b"}),
    (one(["a"]), {"$not_contains": ["b", "c"]}),
    (ABSENT, {"$not_contains": "b"}),
    (one("a"), {"$ne": "b"}),
    (ABSENT, {"$ne": "b"}),
    (many("b", "a"), {"$set": ["a", "b"]}),
    (many(), {"$set": []}),
]

FAILS: list[tuple[Selection, Json]] = [
    (ABSENT, None),
    (ABSENT, "x"),
    (one(True), 1),
    (one(1), True),
    (one(1), "1"),
    (one(1.0), 1),
    (one("X"), "x"),
    (one([1, True]), [1, 1]),
    (one({"a": 1, "b": 2}), {"a": 1}),
    (one("a"), {"a": 1}),
    (ABSENT, {"$exists": True}),
    (one(None), {"$absent": True}),
    (ABSENT, {"$absent": False}),
    (one(""), {"$absent_or_null": True}),
    (many(None, "x"), {"$absent_or_null": True}),
    (one("x"), {"$absent_or_empty": True}),
    (one(False), {"$absent_or_empty": True}),
    (one({"value": "x"}), {"$absent_or_empty": True}),
    (ABSENT, {"$not_empty": True}),
    (one(""), {"$not_empty": True}),
    (one([]), {"$not_empty": True}),
    (one({"value": ""}), {"$not_empty": True}),
    (many(), {"$not_empty": True}),
    (ABSENT, {"$type": "null"}),
    (one(True), {"$type": "integer"}),
    (one("1"), {"$type": "integer"}),
    (one(1.0), {"$type": "integer"}),
    (one(None), {"$type": "object"}),
    (one([1]), {"$len": 2}),
    (ABSENT, {"$len": 1}),
    (one(None), {"$len": 0}),
    (one(0), {"$len": 0}),
    (ABSENT, {"$len_gte": 0}),
    (one([1]), {"$len_gte": 2}),
    (ABSENT, {"$len_lte": 1}),
    (one([1, 2]), {"$len_lte": 1}),
    (one(2), {"$gte": 3}),
    (one("3"), {"$gte": 3}),
    (one(True), {"$gte": 0}),
    (ABSENT, {"$gte": 0}),
    (one(4), {"$lte": 3}),
    (one(4), {"$gte": 1, "$lte": 3}),
    (one("abc"), {"$regex": "^b"}),
    (one(5), {"$regex": "5"}),
    (ABSENT, {"$regex": ".*"}),
    (one("1"), {"$in": [1]}),
    (ABSENT, {"$in": [None]}),
    (one("beare"), {"$ieq": "bearer"}),
    (one(["a"]), {"$contains": "b"}),
    (one(["a"]), {"$contains": ["a", "b"]}),
    (one([1]), {"$contains": True}),
    (ABSENT, {"$contains": "a"}),
    (one(["a"]), {"$not_contains": "a"}),
    (one(["a", "b"]), {"$not_contains": ["c", "b"]}),
    (one("abc"), {"$not_contains": "b"}),
    (one(5), {"$not_contains": "b"}),
    (one("b"), {"$ne": "b"}),
    (many("a"), {"$set": ["a", "b"]}),
    (many("a", "a"), {"$set": ["a"]}),
    (many("a", "a"), {"$set": ["a", "b"]}),
    (ABSENT, {"$set": []}),
]


@pytest.mark.parametrize(("found", "expected"), HOLDS)
def test_an_expectation_that_is_met_holds(found: Selection, expected: Json) -> None:
    """What should hold does."""
    check_expected(expected)
    assert holds(found, expected)


@pytest.mark.parametrize(("found", "expected"), FAILS)
def test_an_expectation_that_is_not_met_fails(found: Selection, expected: Json) -> None:
    """What should fail does: a matcher that always holds checks nothing."""
    check_expected(expected)
    assert not holds(found, expected)


def test_every_matcher_is_seen_to_hold_and_to_fail() -> None:
    """No matcher is added without a case on both sides."""
    for cases in (HOLDS, FAILS):
        used = {name for _, expected in cases if isinstance(expected, dict) for name in expected}
        assert used >= MATCHERS.keys()


@pytest.mark.parametrize(
    "expected",
    [
        {"$equals": 1},
        {"$len": "2"},
        {"$len": True},
        {"$absent": "yes"},
        {"$in": "200"},
        {"$type": "int"},
        {"$regex": "("},
        {"$gte": None},
        {"$gte": 1, "lte": 2},
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused(expected: Json) -> None:
    """A typing error is an error when the file is read, not a check that never runs."""
    with pytest.raises(MatcherError):
        check_expected(expected)


def test_an_object_without_matchers_is_a_literal() -> None:
    """Ordinary keys are compared as they are, `$ref` among them."""
    expected: Json = {"value": "1", "$ref": "Users/1"}
    check_expected(expected)
    assert holds(one({"$ref": "Users/1", "value": "1"}), expected)
