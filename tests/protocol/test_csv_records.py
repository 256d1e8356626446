"""CSV comes out and in again as it was, in chunks of any size, and no spreadsheet finds a formula in it."""

import csv
import tracemalloc
from collections.abc import Iterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim_server.protocol.csv_records import (
    DELIMITERS,
    MAX_ROW_BYTES,
    CsvError,
    Record,
    delimiter_of,
    fault_of,
    neutralized,
    plain,
    read_records,
    write_record,
)

DANGEROUS = "=+-@\t\r\n＝＋－＠"

TEXTS = st.text(
    st.one_of(
        st.sampled_from(",;\t\r\n'\"=+-@ a＝é\ufeff"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    )
)


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    """Yield bytes in pieces."""
    return (data[first : first + size] for first in range(0, len(data), size))


def records(data: bytes, delimiter: str = ",", size: int = 7) -> list[Record]:
    """Return the records of a file."""
    return list(read_records(chunked(data, size), delimiter))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=3), max_size=5), st.sampled_from(DELIMITERS), st.integers(1, 9))
def test_what_is_written_is_read_again(rows: list[list[str]], delimiter: str, size: int) -> None:
    """Whatever the texts, and wherever the chunks part them; from behind any record too."""
    rows = [["first", "row"], *rows]
    data = "".join(write_record(row, delimiter) for row in rows).encode()
    read = records(data, delimiter, size)
    assert [[plain(cell) for cell in record.cells] for record in read] == rows
    assert [record.number for record in read] == list(range(1, len(rows) + 1))
    for record in read:
        rest = chunked(data[record.end :], size)
        assert list(read_records(rest, delimiter, position=record.end, number=record.number)) == read[record.number :]


@given(TEXTS, st.sampled_from(DELIMITERS))
def test_no_cell_begins_a_formula(text: str, delimiter: str) -> None:
    """Neither where the spreadsheet splits it by a separator of its own language."""
    (cells,) = csv.reader(StringIO(write_record(["a", text], ","), newline=""), strict=True)
    written = cells[1].replace('"', '""')
    for piece in (cells[1], *cells[1].split(delimiter), *written.split(delimiter)):
        # Where it splits within quotes, a spreadsheet takes those at the beginning of the piece for its own.
        assert not piece.lstrip('"') or piece.lstrip('"')[0] not in DANGEROUS


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+33 1 23 45 67 89", "'+33 1 23 45 67 89"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("a=b", "a=b"),
        ("a;=b", "a;'=b"),
        ('a;"=b', "a;'\"=b"),
        ("a, -b", "a, -b"),
        ("", ""),
    ],
)
def test_formulas_get_an_apostrophe(text: str, cell: str) -> None:
    """One more than there are, and nothing else is touched; reading takes one off."""
    assert neutralized(text) == cell
    assert plain(cell) == text


@pytest.mark.parametrize(
    ("beginning", "delimiter"),
    [
        ("a,b", ","),
        ("a;b\r\n1,2,3;4", ";"),
        ("a\tb\tc", "\t"),
        ('"a,b,c";d', ";"),
        ("a", ","),
        ("", ","),
        ("\ufeffa;b", ";"),
    ],
)
def test_the_first_line_tells_the_delimiter(beginning: str, delimiter: str) -> None:
    """French spreadsheets write semicolons, others a comma or a tab."""
    assert delimiter_of(beginning.encode()) == delimiter


def test_a_byte_order_mark_is_none_of_the_text() -> None:
    """At the beginning of the file, and nowhere else."""
    assert [record.cells for record in records(b"\xef\xbb\xbfa,b\r\n\xef\xbb\xbfc,d")] == [["a", "b"], ["\ufeffc", "d"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_another_encoding_is_told(encoding: str) -> None:
    """As spreadsheets write it under the name of Unicode."""
    beginning = "\ufeffuserName\r\n".encode(encoding)
    with pytest.raises(CsvError, match="UTF-16; save the file as CSV UTF-8"):
        delimiter_of(beginning)


def test_a_byte_that_is_no_utf_8_is_a_fault_of_its_cell() -> None:
    """As in the encoding of Windows, which has é in one byte; the other cells are read."""
    (record,) = records("Éric,Durand".encode("cp1252"))
    assert record.fault is None
    assert [fault_of(cell) is None for cell in record.cells] == [False, True]
    assert "not in UTF-8" in (fault_of(record.cells[0]) or "")
    assert "U+0000" in (fault_of("a\x00b") or "")


def test_rows_are_numbered_as_a_spreadsheet_does() -> None:
    """Blank lines count, lines within a cell do not, and each end of a line is one."""
    data = b'a,b\r\n\r\n"1\r\n2",c\n"3\r4",d\re,f'
    assert [(record.number, list(record.cells)) for record in records(data)] == [
        (1, ["a", "b"]),
        (2, []),
        (3, ["1\r\n2", "c"]),
        (4, ["3\r4", "d"]),
        (5, ["e", "f"]),
    ]


def test_a_row_that_cannot_be_read_is_a_fault() -> None:
    """Behind one with text after a quote, the next is read; behind a quote that is never closed, nothing is."""
    read = records(b'a,"b"c\r\nd,e\r\nf,"g\r\nh,i\r\n')
    assert [(record.number, record.fault and record.fault.split(";")[0], record.is_last) for record in read] == [
        (1, "has text behind a closing quote", False),
        (2, None, False),
        (3, "has a quote that is not closed before the end of the file", True),
    ]


@pytest.mark.parametrize("filling", [b"x", b",", b'"', b'","', b"\xff", b"\x00", b"\r\n"])
def test_a_row_without_end_is_not_held(filling: bytes) -> None:
    """A row is held as far as it may be long, whatever the file holds instead of rows."""
    opening = b'"' if filling == b"\r\n" else b""
    size = 16 * 1024

    def endless() -> Iterator[bytes]:
        yield opening
        for _ in range(100):
            yield filling * (size // len(filling))

    tracemalloc.start()
    try:
        last = None
        for record in read_records(endless(), ","):
            last = record
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert last is not None
    assert last.is_last
    assert "not closed" in (last.fault or "")
    assert held < 10 * MAX_ROW_BYTES
