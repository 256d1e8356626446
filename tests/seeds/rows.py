"""Which tests hold which rule of the five portals, as docs/portals.md shows it; run as a module, this writes it there.

The docstring of a test begins with the numbers of its rules: ``4.7, 4.8: ...``.
"""

import ast
import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "portals.md"
API, CONSOLE = Path(__file__).parent, Path(__file__).parents[1] / "browser"
"""Where the tests are that walk the portals: through the API, and in a browser."""
NOTHING_TO_HOLD = {"2.16": "*no text here is translated by a machine*"}
"""The rules about something that there is not."""

_MODULES = {
    "1": "test_delegated.py",
    "2": "test_customer_groups.py",
    "3": "test_contacts.py",
    "4": "test_assigned_orders.py",
    "5": "test_archive.py",
}
_NUMBERS = re.compile(r"(\d\.\d+(?:, \d\.\d+)*): ")
_ROW = re.compile(r"^\| (\d\.\d+) \| (.+?) \|.*\|$", re.MULTILINE)


@cache
def documented(module: str, directory: Path = API) -> dict[str, str]:
    """Return the tests of a module with their docstrings, in their order."""
    tree = ast.parse((directory / module).read_text(encoding="utf-8"))
    tests = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")]
    return {each.name: ast.get_docstring(each) or "" for each in tests}


def numbers_of(docstring: str) -> list[str]:
    """Return the numbers of the rules that a docstring begins with."""
    found = _NUMBERS.match(docstring)
    return found[1].split(", ") if found else []


def holding(number: str, directory: Path) -> list[str]:
    """Return the tests in a directory that hold a rule."""
    found = documented(_MODULES[number[0]], directory)
    return [name for name, docstring in found.items() if number in numbers_of(docstring)]


def numbers_on(page: str) -> list[str]:
    """Return the numbers of the rules on the page, in their order."""
    return [found[1] for found in _ROW.finditer(page)]


def with_tests(page: str) -> str:
    """Return the page with the tests of each rule beside it."""

    def row(found: re.Match[str]) -> str:
        cells = [", ".join(f"`{name}`" for name in holding(found[1], each)) for each in (API, CONSOLE)]
        cells[1] = NOTHING_TO_HOLD.get(found[1], cells[1])
        return f"| {found[1]} | {found[2]} | {' | '.join(cells)} |"

    return _ROW.sub(row, page)


if __name__ == "__main__":
    PAGE.write_text(with_tests(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
