"""Members as rows of a CSV file: which columns there are, what a member has in them, and what a row changes.

What differs is found by comparing cells, so that a file as it was exported changes nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scim2_models import InvalidValueException

from scim_server.protocol.csv_records import CsvError, fault_of, plain, write_record
from scim_server.protocol.documents import Document
from scim_server.protocol.member_dates import MEMBER_USER_URN, MIDNIGHT, dates_of

MAX_CELL_LENGTH = 10_000

_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "userName": ("userName",),
    "externalId": ("externalId",),
    "email": ("emails",),
    "givenName": ("name", "givenName"),
    "familyName": ("name", "familyName"),
    "honorificPrefix": ("name", "honorificPrefix"),
    "phone": ("phoneNumbers",),
    "title": ("title",),
    "preferredLanguage": ("preferredLanguage",),
    "startDate": (MEMBER_USER_URN, "startDate"),
    "endDate": (MEMBER_USER_URN, "endDate"),
}
_DATES = ("startDate", "endDate")
"""The attribute of a User that each column is; of those with several values, the primary or else the first."""

_SEVERAL = ("email", "phone")

GROUP_COLUMNS: Mapping[str, str] = {"roles": "role", "teams": "team", "customerGroups": "customerGroup"}
"""The columns that hold the names of groups, and the kind of group that each is about."""

IDENTITY_COLUMNS = (*_ATTRIBUTES, "active")
"""The columns that an identity provider writes of the members whom it provisions."""

COLUMNS = (*IDENTITY_COLUMNS, *GROUP_COLUMNS)

_KEYS = ("userName", "externalId")
_FLAGS = {
    **dict.fromkeys(("true", "yes", "1", "vrai", "oui"), True),
    **dict.fromkeys(("false", "no", "0", "faux", "non"), False),
}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_NAME_UNIT = re.compile(r"\\.|[^;\\]|\\$", re.DOTALL)
_STEP_UNIT = re.compile(r"\\.|[^/\\]|\\$", re.DOTALL)

Cells = Mapping[str, str]
"""The text of each column; a column that a file does not have is missing."""


class HeaderError(CsvError):
    """The first row does not name columns as they are taken; ``faults`` has the column and what is wrong with each."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{column}: {detail}" for column, detail in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with a row; ``column`` is None where it is the row as a whole."""

    column: str | None
    detail: str


def header(delimiter: str) -> str:
    """Return the first row of a file, which is all of a template."""
    return write_record(COLUMNS, delimiter)


def read_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a file in their order; upper and lower case are the same, and spaces around a name nothing.

    :raises HeaderError: When a column is unknown or there twice, or nothing tells who a row is about.
    """
    known = {column.lower(): column for column in COLUMNS}
    columns: list[str] = []
    faults: list[tuple[str, str]] = []
    for place, cell in enumerate(cells[: len(COLUMNS) + 20], 1):
        column = known.get(cell.strip().lower())
        if column is None:
            shown = fault_of(cell) and f"column {place}"
            faults.append((shown or cell[:100] or f"column {place}", f"is no column; accepted: {', '.join(COLUMNS)}"))
        elif column in columns:
            faults.append((column, "is there twice"))
        else:
            columns.append(column)
    if not faults and not set(_KEYS) & set(columns):
        faults.append(("userName", "is missing, as is externalId: one of them tells who a row is"))
    if faults:
        raise HeaderError(faults)
    return tuple(columns)


def read_cells(columns: Sequence[str], cells: Sequence[str]) -> tuple[Cells, list[CellFault]]:
    """Return the texts of a row, without those that have a fault, and the faults."""
    faults: list[CellFault] = []
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        faults.append(CellFault(None, f"has {len(cells)} cells, and the header {len(columns)}"))
    texts: dict[str, str] = {}
    # What is missing at the end of a row is empty: some spreadsheets leave it out.
    for column, cell in zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False):
        detail = fault_of(cell)
        if len(cell) > MAX_CELL_LENGTH:
            detail = f"has more than {MAX_CELL_LENGTH} characters"
        if detail is None:
            texts[column] = plain(cell)
        else:
            faults.append(CellFault(column, detail))
    return texts, faults


def cells_of(document: Document, active: bool | None, groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return what a member has in each column.

    :param groups: By column, the names of groups, as :func:`path_of` makes them.
    """
    cells = {column: _text_of(document, column) for column in _ATTRIBUTES}
    cells["active"] = "true" if active else "false"
    cells.update((column, join_names(groups.get(column, ()))) for column in GROUP_COLUMNS)
    return cells


def _text_of(document: Document, column: str) -> str:
    path = _ATTRIBUTES[column]
    value: Any = document.get(path[0])
    if column in _SEVERAL:
        chosen = _chosen(value or [])
        value = chosen.get("value") if chosen else None
    elif len(path) == 2:
        value = (value or {}).get(path[1])
    if not isinstance(value, str):
        return ""
    return value.removesuffix(MIDNIGHT) if column in _DATES else value


def _chosen(values: Sequence[Document]) -> Document | None:
    """Return the value that a column shows of several."""
    return next((each for each in values if each.get("primary") is True), values[0] if values else None)


def differing(current: Cells, row: Cells) -> dict[str, str]:
    """Return the cells of a row that say something else than what a member has."""
    return {column: text for column, text in row.items() if not _is_same(column, current[column], text)}


def _is_same(column: str, current: str, text: str) -> bool:
    if column in GROUP_COLUMNS:
        return set(split_names(current)) == set(split_names(text))
    if column == "active":
        # An empty cell would clear what is never without a value: it says nothing.
        return not text.strip() or _FLAGS.get(text.strip().lower()) is (current == "true")
    return current == text


def faults_of(cells: Cells) -> list[CellFault]:
    """Return what is wrong with the cells that are to be written."""
    faults = []
    for column, text in cells.items():
        detail = _fault_of_text(column, text)
        if detail is not None:
            faults.append(CellFault(column, detail))
    return faults


def _fault_of_text(column: str, text: str) -> str | None:
    if column == "userName" and not text.strip():
        return "is empty; each member has one, often the e-mail address"
    if column == "active" and text.strip() and text.strip().lower() not in _FLAGS:
        return f"is {_shown(text)}; accepted: true, false, yes, no, oui, non, vrai, faux, 1, 0"
    if column == "email" and text and not _ADDRESS.fullmatch(text):
        return f"is {_shown(text)}, no e-mail address such as name@example.com"
    if column in _DATES and text and not _is_date(column, text):
        return f"is {_shown(text)}, no date such as 2026-01-31"
    if column == "preferredLanguage" and text and not _LANGUAGE.fullmatch(text):
        return f"is {_shown(text)}, no language such as fr or en-GB"
    return None


def _is_date(column: str, text: str) -> bool:
    try:
        dates_of({MEMBER_USER_URN: {column: _with_time(text)}})
    except InvalidValueException:
        return False
    return True


def _with_time(text: str) -> str:
    """Return a date as the dateTime that it stands for."""
    return text if "T" in text.upper() else f"{text}{MIDNIGHT}"


def _shown(text: str) -> str:
    return repr(text[:100])


def read_active(text: str) -> bool | None:
    """Return what the column ``active`` says, None where it says nothing."""
    return _FLAGS.get(text.strip().lower())


def attribute_changes(document: Document, cells: Cells) -> dict[str, Any]:
    """Return what cells make of the attributes of a document, None for what they clear: a replace of SCIM's.

    A name that people read follows from the given and family name as long as nobody gave it another.
    """
    changes: dict[str, Any] = {}
    for column, path in _ATTRIBUTES.items():
        if column not in cells:
            continue
        text = cells[column] or None
        if column in _DATES and text is not None:
            text = _with_time(text)
        if column in _SEVERAL:
            changes[path[0]] = _with_chosen(document.get(path[0]) or [], text)
        elif len(path) == 2:
            changes.setdefault(path[0], {})[path[1]] = text
        else:
            changes[path[0]] = text
    if "name" in changes:
        _let_names_follow(document, changes)
    return changes


def _with_chosen(values: Sequence[Document], text: str | None) -> list[Document] | None:
    """Return values with another text in place of the one that a column shows; none at all without a text.

    If another one came to the fore instead, the same file would change the member again.
    """
    if text is None:
        return None
    chosen = _chosen(values)
    others = [each for each in values if each is not chosen and each.get("value") != text]
    return [{**chosen, "value": text} if chosen else {"value": text, "primary": True}, *others]


def _let_names_follow(document: Document, changes: dict[str, Any]) -> None:
    before = document.get("name") or {}
    after = {**before, **changes["name"]}
    old, new = _composed(before), _composed(after)
    if (document.get("displayName") or "") == old:
        changes["displayName"] = new or None
    if before.get("formatted") and before["formatted"] == old:
        changes["name"]["formatted"] = new or None


def _composed(name: Mapping[str, Any]) -> str:
    return " ".join(part for part in (name.get("givenName"), name.get("familyName")) if part)


def join_names(names: Iterable[str]) -> str:
    """Return names as one cell, in their order by code point; a semicolon within one is written ``\\;``."""
    return ";".join(_guarded(name, ";") for name in sorted(names))


def split_names(cell: str) -> tuple[str, ...]:
    """Return the names in a cell, each once; spaces around them are nothing."""
    return tuple(dict.fromkeys(_parted(cell, _NAME_UNIT)))


def path_of(steps: Iterable[str]) -> str:
    """Return the name of a group below others, such as ``Sales/North``; a slash within a name is written ``\\/``."""
    return "/".join(_guarded(step, "/") for step in steps)


def steps_of(path: str) -> tuple[str, ...]:
    """Return the names on the way to a group."""
    return tuple(_parted(path, _STEP_UNIT))


def _guarded(name: str, separator: str) -> str:
    """Return a name that is one part of a text, with a backslash before what would end or trim it."""
    guarded = name.replace("\\", "\\\\").replace(separator, f"\\{separator}")
    if guarded[-1:].isspace():
        guarded = f"{guarded[:-1]}\\{guarded[-1]}"
    return f"\\{guarded}" if guarded[:1].isspace() else guarded


def _parted(text: str, unit: re.Pattern[str]) -> Iterable[str]:
    """Yield the parts of a text between what is no unit of one, without those that are blank."""
    current: list[str] = []
    place = 0
    while place <= len(text):
        match = unit.match(text, place)
        if match is not None:
            current.append(match[0])
            place = match.end()
            continue
        yield from _unguarded(current)
        current = []
        place += 1


def _unguarded(units: list[str]) -> Iterable[str]:
    """Yield what a part says, nothing where it is blank: its units are characters, guarded by a backslash or not."""
    first, last = 0, len(units)
    while first < last and units[first].isspace():
        first += 1
    while last > first and units[last - 1].isspace():
        last -= 1
    if first < last:
        yield "".join(unit[-1] for unit in units[first:last])
