"""What processes use, read from ``/proc``: CPU time and resident memory of a process and all below it."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start; memory with pages that are shared counted once, and of the largest process."""

    cpu_s: float
    resident_bytes: int
    largest_bytes: int


def descendants(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields is not None:
            children[int(fields[1])].append(int(entry))
    found = [pid]
    for each in found:
        found.extend(children[each])
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and all below it, children that have ended included."""
    return sum(map(_cpu_s, descendants(pid)))


def cpu_s_each(pid: int) -> dict[int, float]:
    """Return the CPU seconds of a process and of each one below it, by their ids."""
    return {each: _cpu_s(each) for each in descendants(pid)}


def usage(pid: int) -> Usage:
    """Return what a process and all below it use."""
    tree = descendants(pid)
    resident = [_resident_bytes(each) for each in tree]
    largest = max(map(_whole_resident_bytes, tree))
    return Usage(sum(map(_cpu_s, tree)), sum(resident), largest)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` from the state on, None where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name of the program stands before, in brackets, and may hold anything.
    return text[text.rindex(")") + 2 :].split()


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return 0.0 if fields is None else sum(map(int, fields[11:15])) / _TICKS_PER_S


def _whole_resident_bytes(pid: int) -> int:
    fields = _stat(pid)
    return 0 if fields is None else int(fields[21]) * _PAGE_BYTES


def _resident_bytes(pid: int) -> int:
    """Return the memory of a process, its part of what is shared; all of it where another user's is not shown."""
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        found = None
    return _whole_resident_bytes(pid) if found is None else int(found[1]) * 1024
