"""docs/portals.md names a test for each rule of the five portals, and each of those tests is there."""

import re
from pathlib import Path

import pytest

from tests.seeds.rows import (
    API,
    CONSOLE,
    NOTHING_TO_HOLD,
    PAGE,
    documented,
    holding,
    numbers_of,
    numbers_on,
    with_tests,
)

RULES = [f"{seed}.{number}" for seed, rules in enumerate((22, 16, 17, 18, 15), 1) for number in range(1, rules + 1)]


def test_the_page_has_every_rule() -> None:
    """Once, in their order."""
    assert numbers_on(PAGE.read_text(encoding="utf-8")) == RULES


def test_each_rule_has_a_test() -> None:
    """Through the API, or in the console where it is about nothing but pages."""
    assert [each for each in RULES if not holding(each, API) and not holding(each, CONSOLE)] == [*NOTHING_TO_HOLD]


def test_the_page_names_the_tests_of_each_rule() -> None:
    """As their docstrings say; `python -m tests.seeds.rows` writes them there."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tests(page)


WALKS = (
    "test_delegated.py",
    "test_customer_groups.py",
    "test_contacts.py",
    "test_assigned_orders.py",
    "test_archive.py",
)


@pytest.mark.parametrize(
    ("directory", "module"),
    [(API, "test_contradictions.py"), *((directory, module) for directory in (API, CONSOLE) for module in WALKS)],
    ids=lambda each: each.name if isinstance(each, Path) else each,
)
def test_each_test_says_which_rules_it_holds(directory: Path, module: str) -> None:
    """And they are rules that there are."""
    for name, docstring in documented(module, directory).items():
        assert numbers_of(docstring), name
        assert set(numbers_of(docstring)) <= set(RULES), name


def test_each_switch_has_a_test() -> None:
    """The page names those there are."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("### Where they contradict each other")
    assert re.findall(r"\| `(test_\w+)` \|", table) == list(documented("test_contradictions.py"))
