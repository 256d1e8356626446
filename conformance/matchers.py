"""What an answer's value is compared with: a literal, or an object of `$` matchers which must all hold."""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

from conformance.json_types import Json
from conformance.paths import Selection

Matcher: TypeAlias = Callable[[Selection, Json], bool]


class MatcherError(ValueError):
    """An expectation uses a matcher that does not exist, or gives it an operand it cannot use."""


def holds(found: Selection, expected: Json) -> bool:
    """Whether what a path found is what was expected."""
    if isinstance(expected, dict) and is_matchers(expected):
        return all(MATCHERS[name](found, operand) for name, operand in expected.items())
    return (found.present or found.many) and same(found.value, expected)


def is_matchers(expected: dict[str, Json]) -> bool:
    """Whether an object is a set of matchers rather than a literal; `{}` is a literal."""
    return bool(expected) and all(name.startswith("$") for name in expected)


def same(got: Json, expected: Json) -> bool:
    """Whether two JSON values are equal and of the same type: `1`, `1.0`, `true` and `"1"` all differ."""
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[key], expected[key]) for key in got)
    if isinstance(got, list) and isinstance(expected, list):
        return len(got) == len(expected) and all(map(same, got, expected))
    return type(got) is type(expected) and got == expected


def is_empty(value: Json) -> bool:
    """Whether a value says nothing: null, "", [], or an object of such values."""
    if isinstance(value, dict):
        return all(is_empty(below) for below in value.values())
    return value is None or value in ("", [])


def _exists(found: Selection, operand: Json) -> bool:
    return found.present is operand


def _absent(found: Selection, operand: Json) -> bool:
    return found.present is not operand


def _absent_or_null(found: Selection, operand: Json) -> bool:
    return all(value is None for value in found.values) is operand


def _absent_or_empty(found: Selection, operand: Json) -> bool:
    return all(is_empty(value) for value in found.values) is operand


def _not_empty(found: Selection, operand: Json) -> bool:
    return (found.present and not is_empty(found.value)) is operand


_TYPES: dict[str, Callable[[Json], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _type(found: Selection, operand: Json) -> bool:
    return (found.present or found.many) and _TYPES[str(operand)](found.value)


def _length(found: Selection) -> int | None:
    value = found.value
    return len(value) if isinstance(value, list | str | dict) else None


def _len(found: Selection, operand: Json) -> bool:
    return operand == (_length(found) if found.present else 0)


def _len_gte(found: Selection, operand: Json) -> bool:
    length = _length(found)
    return length is not None and isinstance(operand, int) and length >= operand


def _len_lte(found: Selection, operand: Json) -> bool:
    length = _length(found)
    return length is not None and isinstance(operand, int) and length <= operand


def _order(value: Json, operand: Json) -> int | None:
    """Compare two numbers, or two strings; anything else has no order."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return None
    if isinstance(value, int | float) and isinstance(operand, int | float):
        return (value > operand) - (value < operand)
    if isinstance(value, str) and isinstance(operand, str):
        return (value > operand) - (value < operand)
    return None


def _gte(found: Selection, operand: Json) -> bool:
    return _order(found.value, operand) in (0, 1)


def _lte(found: Selection, operand: Json) -> bool:
    return _order(found.value, operand) in (0, -1)


def _regex(found: Selection, operand: Json) -> bool:
    return isinstance(found.value, str) and re.search(str(operand), found.value) is not None


def _in(found: Selection, operand: Json) -> bool:
    return found.present and isinstance(operand, list) and any(same(found.value, one) for one in operand)


def _ieq(found: Selection, operand: Json) -> bool:
    value = found.value
    return isinstance(value, str) and isinstance(operand, str) and value.casefold() == operand.casefold()


def _has(value: Json, wanted: Json) -> bool:
    if isinstance(value, list):
        return any(same(element, wanted) for element in value)
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value


def _contains(found: Selection, operand: Json) -> bool:
    wanted = operand if isinstance(operand, list) else [operand]
    return all(_has(found.value, one) for one in wanted)


def _not_contains(found: Selection, operand: Json) -> bool:
    value = found.value
    unwanted = operand if isinstance(operand, list) else [operand]
    return value is None or (isinstance(value, list | str) and not any(_has(value, one) for one in unwanted))


def _ne(found: Selection, operand: Json) -> bool:
    return not found.present or not same(found.value, operand)


def _set(found: Selection, operand: Json) -> bool:
    """Hold for the same elements in any order, each as often as listed: a duplicate is a failure."""
    value = found.value
    if not isinstance(value, list) or not isinstance(operand, list) or len(value) != len(operand):
        return False
    left = list(operand)
    for element in value:
        twin = next((at for at, one in enumerate(left) if same(element, one)), None)
        if twin is None:
            return False
        del left[twin]
    return True


MATCHERS: MappingProxyType[str, Matcher] = MappingProxyType(
    {
        "$exists": _exists,
        "$absent": _absent,
        "$absent_or_null": _absent_or_null,
        "$absent_or_empty": _absent_or_empty,
        "$not_empty": _not_empty,
        "$type": _type,
        "$len": _len,
        "$len_gte": _len_gte,
        "$len_lte": _len_lte,
        "$gte": _gte,
        "$lte": _lte,
        "$regex": _regex,
        "$in": _in,
        "$ieq": _ieq,
        "$contains": _contains,
        "$not_contains": _not_contains,
        "$ne": _ne,
        "$set": _set,
    }
)

_FLAGS = frozenset({"$exists", "$absent", "$absent_or_null", "$absent_or_empty", "$not_empty"})
_LENGTHS = frozenset({"$len", "$len_gte", "$len_lte"})
_LISTS = frozenset({"$in", "$set"})


def check_expected(expected: Json) -> None:
    """Refuse an expectation that could not mean what it says, e.g. a matcher with a typing error."""
    if not isinstance(expected, dict) or set(expected) == {"$text"}:
        return
    if not is_matchers(expected):
        stray = sorted(expected.keys() & MATCHERS.keys())
        if stray:
            raise MatcherError(f"{stray[0]} stands among ordinary keys")
        return
    for name, operand in expected.items():
        if name not in MATCHERS:
            raise MatcherError(f"unknown matcher {name}")
        problem = _operand_problem(name, operand)
        if problem:
            raise MatcherError(f"{name} needs {problem}, not {operand!r}")


def _operand_problem(name: str, operand: Json) -> str | None:
    if name in _FLAGS and not isinstance(operand, bool):
        return "true or false"
    if name in _LENGTHS and (isinstance(operand, bool) or not isinstance(operand, int)):
        return "an integer"
    if name in _LISTS and not isinstance(operand, list):
        return "an array"
    if name in {"$ieq", "$regex"} and not isinstance(operand, str):
        return "a string"
    if name in {"$gte", "$lte"} and (isinstance(operand, bool) or not isinstance(operand, int | float | str)):
        return "a number or a string"
    if name == "$type" and operand not in _TYPES:
        return f"one of {', '.join(_TYPES)}"
    if name == "$regex":
        return _pattern_problem(str(operand))
    return None


def _pattern_problem(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"a regular expression ({error})"
    return None
