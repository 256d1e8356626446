"""CSV as spreadsheets write and read it: records of a file that comes in chunks, and cells that stay text.

A record has the number that a spreadsheet shows for its row: the first is 1, blank lines count.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

MAX_ROW_BYTES = 128 * 1024
"""How long a row may be: no more of a file is held at once, whatever it holds."""

DELIMITERS = (",", ";", "\t")

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS = "save the file as CSV UTF-8 and upload it again"
# What a spreadsheet takes for the beginning of a formula, the full-width forms included, quotes before it aside. It may
# split a cell at what its own language separates by, so that what stands after a separator begins a cell too.
_BEGINNING, _FORMULA = r"(?:^|(?<=[,;\t\r\n]))", r"(?=['\"]*[=+\-@\t\r\n＝＋－＠])"
_TO_NEUTRALIZE = re.compile(_BEGINNING + _FORMULA)
_NEUTRALIZED = re.compile(_BEGINNING + "'" + _FORMULA)


class CsvError(ValueError):
    """The file cannot be read as CSV; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file; ``end`` is the byte behind it, ``fault`` why its cells cannot be told apart.

    ``is_last`` says that nothing behind it can be read. A byte that is no UTF-8 is a lone surrogate in its cell: see
    :func:`fault_of`.
    """

    number: int
    cells: Sequence[str]
    end: int
    fault: str | None = None
    is_last: bool = False


def delimiter_of(beginning: bytes) -> str:
    """Return what separates the cells of a file: what its first line has most of, a comma where it has none.

    :raises CsvError: When the file is no UTF-8.
    """
    if beginning.startswith(_UTF_16):
        raise CsvError(f"the file is in UTF-16; {_SAVE_AS}")
    line = re.split(rb"[\r\n]", beginning[:MAX_ROW_BYTES], maxsplit=1)[0].decode(errors="replace")
    outside = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=outside.count)


def read_records(chunks: Iterable[bytes], delimiter: str, *, position: int = 0, number: int = 0) -> Iterator[Record]:
    """Yield the records of a file one by one.

    What ends the reading, such as a quote that is never closed, is the fault of the last record.

    :param chunks: The file from ``position`` on, which is the end of the record with that ``number``.
    """
    lines = _Lines(chunks, position)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number += 1
        lines.begin()
        try:
            cells = next(reader, None)
        except _TooLongError:
            detail = f"is longer than {MAX_ROW_BYTES} bytes; is a quote not closed?"
            yield Record(number, (), lines.end, detail, is_last=True)
            return
        except csv.Error as exc:
            # Behind text after a closing quote, the next line is another row.
            goes_on = "expected after" in str(exc)
            yield Record(number, (), lines.end, _explained(exc), is_last=not goes_on)
            if goes_on:
                continue
            return
        if cells is None:
            return
        yield Record(number, cells, lines.end)


def _explained(error: csv.Error) -> str:
    if "expected after" in str(error):
        return 'has text behind a closing quote; a quote within a cell is written twice: "say ""hello"""'
    if "end of data" in str(error):
        return "has a quote that is not closed before the end of the file"
    return "has a cell that is too long; is a quote not closed?"


class _TooLongError(ValueError):
    """A row is longer than ``MAX_ROW_BYTES``."""


class _Lines:
    """The lines of a file as text, and where in it they end."""

    def __init__(self, chunks: Iterable[bytes], position: int) -> None:
        self.end = self._begun = position
        self._lines = _split(chunks)

    def begin(self) -> None:
        """Begin a record."""
        self._begun = self.end

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        at_start = self.end == 0
        self.end += len(line)
        if self.end - self._begun > MAX_ROW_BYTES:
            raise _TooLongError
        return (line.removeprefix(_BOM) if at_start else line).decode(errors="surrogateescape")


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; one that is too long comes in pieces."""
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # The end of a chunk may part a line, or the two characters of its end.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        yield from lines
        if len(rest) > MAX_ROW_BYTES:
            yield rest
            rest = b""
    if rest:
        yield from rest.splitlines(keepends=True)


def is_blank(cells: Sequence[str]) -> bool:
    """Return whether a row has nothing in it: a spreadsheet leaves such rows at the end."""
    return not any(cell.strip() for cell in cells)


def fault_of(cell: str) -> str | None:
    """Return what no cell may hold, None where it is a text."""
    if "\x00" in cell:
        return "holds the character U+0000, which cannot be stored"
    if not cell.isascii() and any("\ud800" <= each <= "\udfff" for each in cell):
        return f"is not in UTF-8; {_SAVE_AS}"
    return None


def neutralized(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula; :func:`plain` gives it back."""
    return _TO_NEUTRALIZE.sub("'", text)


def plain(cell: str) -> str:
    """Return the text of a cell, without the apostrophes that keep it from being a formula."""
    return _NEUTRALIZED.sub("", cell)


def write_record(texts: Iterable[str], delimiter: str) -> str:
    """Return a row as it stands in a file, its formulas neutralized."""
    line = StringIO()
    writer = csv.writer(line, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([neutralized(text) for text in texts])
    return line.getvalue()
