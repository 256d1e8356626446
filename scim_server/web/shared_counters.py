"""How often something happened of late, counted by all workers of a machine together: a storage for ``limits``.

A file of fixed size that every worker maps: one that was forked, as gunicorn does, and one that was started by itself,
as granian does. It is a table of sets of eight slots; a new key takes the slot of its set whose window ended first. A
slot is the digest of its key and one word with both counts, so that no reader sees half of what another worker writes.

NB: there is no lock between processes. Two workers that count the same key within the same few microseconds count
once: of requests, one in hundreds. One that the machine stops just then takes back what the others counted meanwhile,
so that a machine without a free processor lets more through, up to the limit once for each worker. A lock would have
to be taken by system calls, which let other threads run while it is held, and all workers would wait for the slowest;
and it would have to be taken from a worker that was killed.
"""

import mmap
import os
import stat
import struct
import threading
import time
from hashlib import blake2b
from math import floor
from pathlib import Path
from typing import NamedTuple

from limits.storage import SlidingWindowCounterSupport, Storage

MAX_COUNT = 2**18 - 1
"""The most that a window counts."""

_SETS = 4_096
_SET = struct.Struct("<16Q")
_SLOT = struct.Struct("<QQ")
_SIZE_BYTES = _SETS * _SET.size
_END_MASK = 2**28 - 1


class _Found(NamedTuple):
    """The slot of a key, and how often the key was counted in the window before and in the present one."""

    offset: int
    tag: int
    previous: int
    current: int
    end: int
    """The second in which the present window ends."""

    def weighted(self, now: float, expiry: int) -> float:
        """Return how much of both counts lies within one length of a window before now."""
        return self.previous * (self.end - now) / expiry + self.current


class SharedCounters(Storage, SlidingWindowCounterSupport):
    """Sliding windows in a file; windows are as long as whole seconds, and no longer than a year."""

    STORAGE_SCHEME = ["shared-counters"]  # noqa: RUF012  # the base class has it so
    base_exceptions = (OSError, ValueError)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._map = _mapped(path)
        self._lock = threading.Lock()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a key unless that would be more than the limit; return whether it was counted."""
        now = time.time()
        with self._lock:
            found = self._find(key, expiry, now)
            if floor(found.weighted(now, expiry)) + amount > min(limit, MAX_COUNT):
                return False
            state = (found.end & _END_MASK) << 36 | found.previous << 18 | found.current + amount
            _SLOT.pack_into(self._map, found.offset, found.tag, state)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return both counts of a key, each with the seconds until it is forgotten."""
        now = time.time()
        found = self._find(key, expiry, now)
        left = found.end - now
        return found.previous, left if found.previous else 0.0, found.current, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        with self._lock:
            found = self._find(key, expiry, time.time())
            _SLOT.pack_into(self._map, found.offset, 0, 0)

    def _find(self, key: str, expiry: int, now: float) -> _Found:
        end = (int(now) // expiry + 1) * expiry
        tag = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little") or 1
        start = tag % _SETS * _SET.size
        slots = _SET.unpack_from(self._map, start)
        tags, states = slots[::2], slots[1::2]
        if tag not in tags:
            # NB: a window that ended long ago, by a clock that was since set back too, is the first to go.
            place = min(range(len(states)), key=lambda each: (states[each] >> 36) if tags[each] else -1)
            return _Found(start + place * _SLOT.size, tag, 0, 0, end)
        place = tags.index(tag)
        state = states[place]
        previous, current = state >> 18 & MAX_COUNT, state & MAX_COUNT
        counted_until = state >> 36
        if counted_until == (end - expiry) & _END_MASK:
            previous, current = current, 0
        elif counted_until != end & _END_MASK:
            previous = current = 0
        return _Found(start + place * _SLOT.size, tag, previous, current, end)

    def check(self) -> bool:
        """Return whether the storage works: it does as long as the process."""
        return True

    def reset(self) -> int | None:
        """Forget all keys."""
        self._map[:] = bytes(_SIZE_BYTES)
        return None

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Refuse another strategy, as do the next three."""
        raise NotImplementedError("the one strategy is SlidingWindowCounterRateLimiter")

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError

    def clear(self, key: str) -> None:
        raise NotImplementedError


def _mapped(path: Path) -> mmap.mmap:
    """Return the memory of a file, made where it is missing, that is this user's alone.

    :raises OSError: When there is something else at its place, or no room.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{path} is not a file of this user alone; remove it")
        # Room for all of it, now: a disk that is full would otherwise end the process with its first count.
        os.pwrite(descriptor, bytes(max(0, _SIZE_BYTES - found.st_size)), found.st_size)
        return mmap.mmap(descriptor, _SIZE_BYTES)
    finally:
        os.close(descriptor)
