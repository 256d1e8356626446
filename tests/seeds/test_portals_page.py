"""docs/portals.md names a test for each rule of the five portals, and each of those tests is there."""

import re

import pytest

from tests.seeds.rows import IN_THE_CONSOLE, PAGE, documented, holding, numbers_of, numbers_on, with_tests

RULES = [f"{seed}.{number}" for seed, rules in enumerate((22, 16, 17, 18, 15), 1) for number in range(1, rules + 1)]


def test_the_page_has_every_rule() -> None:
    """Once, in their order."""
    assert numbers_on(PAGE.read_text(encoding="utf-8")) == RULES


def test_each_rule_has_a_test() -> None:
    """But for those that are about nothing but pages."""
    assert [each for each in RULES if each not in IN_THE_CONSOLE and not holding(each)] == []


def test_the_page_names_the_tests_of_each_rule() -> None:
    """As their docstrings say; `python -m tests.seeds.rows` writes them there."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tests(page)


@pytest.mark.parametrize(
    "module",
    [
        "test_delegated.py",
        "test_customer_groups.py",
        "test_contacts.py",
        "test_assigned_orders.py",
        "test_archive.py",
        "test_contradictions.py",
    ],
)
def test_each_test_says_which_rules_it_holds(module: str) -> None:
    """And they are rules that there are."""
    for name, docstring in documented(module).items():
        assert numbers_of(docstring), name
        assert set(numbers_of(docstring)) <= set(RULES), name


def test_each_switch_has_a_test() -> None:
    """The page names those there are."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("### Where they contradict each other")
    assert re.findall(r"\| `(test_\w+)` \|", table) == list(documented("test_contradictions.py"))
