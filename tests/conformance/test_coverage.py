"""`conformance/COVERAGE.md` names what keeps each rule of the RFCs, and all that it names exists."""

import ast
import re
from collections.abc import Iterator

from conformance.rfc.catalog import all_checks
from tests.serving import ROOT

COVERAGE = ROOT / "conformance" / "COVERAGE.md"
RFCS = ("7643", "7644", "9865")
CHECKS = {check.id: check for check in all_checks()}


def _rules() -> Iterator[tuple[str, str]]:
    """Yield each rule of the tables with what keeps it."""
    for line in COVERAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("§", "---"):
            assert len(cells) == 3, line
            yield cells[1], cells[2]


def _names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _defined(path: str) -> set[str]:
    """Return the names of the tests and classes of a file."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_test_named_exists() -> None:
    """A test that is renamed is renamed there too."""
    named = {name for _, keepers in _rules() for name in _names(keepers) if name.startswith("tests/")}
    assert len(named) > 100
    missing = set()
    for name in named:
        path, _, test = name.partition("::")
        if not (ROOT / path).is_file() or test not in _defined(path):
            missing.add(name)
    assert missing == set()


def test_every_check_named_exists() -> None:
    """And so is a check of this program."""
    named = {
        name for _, keepers in _rules() for name in _names(keepers) if re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", name)
    }
    assert len(named) > 150
    assert named - set(CHECKS) == set()


def test_every_rule_is_kept_or_has_its_reason() -> None:
    """No line stands without a check, a test or a reason."""
    for rule, keepers in _rules():
        has_keeper = any(name.startswith("tests/") or name in CHECKS for name in _names(keepers))
        assert has_keeper or keepers.startswith(("*Not kept*", "*Not ours*")), rule


def test_every_section_that_is_checked_is_walked() -> None:
    """Each section that a check refers to has its line, or is within one that has."""
    walked: set[tuple[str, str]] = set()
    rfc = ""
    for line in COVERAGE.read_text().splitlines():
        if line.startswith("## RFC "):
            rfc = line.split()[2].rstrip(":")
        elif line.startswith("|") and re.match(r"\| \d", line):
            walked.add((rfc, line.split("|")[1].strip()))
    for check in CHECKS.values():
        number = ""
        for part in re.split(r"[,;] ", check.reference.removeprefix("RFC ")):
            number = part.split(" ")[0] if " " in part else number
            section = part.partition("§")[2]
            if number in RFCS and not section.startswith("8"):  # RFC 7643 §8 and RFC 7644 §8 are examples and IANA.
                parts = section.split(".")
                above = {(number, ".".join(parts[:length])) for length in range(1, len(parts) + 1)}
                assert above & walked, check.id
