"""Counters that processes share: one sum for all, bounded, and safe from whoever dies or interferes."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter

from scim_server.web.shared_counters import SharedCounters
from tests.serving import ROOT

HOUR = RateLimitItemPerMinute(1_000, 60)


def limiter(path: Path) -> SlidingWindowCounterRateLimiter:
    """Return a limiter that counts in a file."""
    return SlidingWindowCounterRateLimiter(SharedCounters(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "counters"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the time that counters see, in seconds."""
    return lambda now: monkeypatch.setattr(time, "time", lambda: now)


def _hit(counted: SlidingWindowCounterRateLimiter, times: int) -> None:
    for _ in range(times):
        assert counted.hit(HOUR, "key")


def test_what_was_counted_weighs_less_with_time(path: Path, clock: Callable[[float], None]) -> None:
    """A window that has ended counts with the part of it that lies within one length of a window."""
    item, counted = RateLimitItemPerSecond(100, 10), limiter(path)
    clock(1_000.0)
    assert [counted.hit(item, "key") for _ in range(101)] == [True] * 100 + [False]
    assert counted.hit(item, "another")
    clock(1_010.0)
    assert not counted.hit(item, "key")
    clock(1_014.0)
    assert [counted.hit(item, "key") for _ in range(41)] == [True] * 40 + [False]
    assert counted.get_window_stats(item, "key").remaining == 0
    clock(1_040.0)
    assert counted.get_window_stats(item, "key").remaining == 100


def test_a_steady_client_below_its_limit_is_never_refused(path: Path, clock: Callable[[float], None]) -> None:
    """Twenty-five requests in each second stay below thirty, however the windows fall."""
    item, counted = RateLimitItemPerSecond(300, 10), limiter(path)
    for request in range(5_000):
        clock(1_003.3 + request / 25)
        assert counted.hit(item, "key")


def test_one_who_sends_too_much_gets_the_limit(path: Path, clock: Callable[[float], None]) -> None:
    """Of ten times the limit one tenth is taken, evenly after the first window."""
    item, counted = RateLimitItemPerSecond(100, 10), limiter(path)
    taken = []
    for request in range(5_000):
        clock(1_000.0 + request / 100)
        taken.append(counted.hit(item, "key"))
    seconds = [sum(taken[first : first + 100]) for first in range(1_000, 5_000, 100)]
    assert 300 <= sum(taken[1_000:]) <= 400
    assert max(seconds) <= 25


def test_forked_processes_count_together(path: Path) -> None:
    """What each child of a process counts, all see: none of it is lost while they do not count at the same moment."""
    counted, forked = limiter(path), multiprocessing.get_context("fork")
    turn = forked.Lock()

    def hit_in_turn() -> None:
        for _ in range(100):
            with turn:
                _hit(counted, 1)

    children = [forked.Process(target=hit_in_turn) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    assert counted.get_window_stats(HOUR, "key").remaining == 600


def test_processes_that_have_nothing_in_common_count_together(path: Path) -> None:
    """A program that was started by itself counts in the same file, as the workers of granian do."""
    counted = limiter(path)
    _hit(counted, 10)
    program = f"from tests.web.test_shared_counters import Path, _hit, limiter; _hit(limiter(Path({str(path)!r})), 20)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
    assert counted.get_window_stats(HOUR, "key").remaining == 970


def test_a_process_that_is_killed_stops_nobody(path: Path) -> None:
    """A process that dies while it counts, as often as it can, leaves counters that others go on with."""
    counted, forked = limiter(path), multiprocessing.get_context("fork")
    for _ in range(5):
        child = forked.Process(target=_hit, args=(limiter(path), 1_000_000))
        child.start()
        time.sleep(0.02)
        child.kill()
        child.join(10)
    assert counted.hit(HOUR, "its own")


def test_the_file_does_not_grow(path: Path) -> None:
    """More keys than there is room for take the places of others: those whose windows end first."""
    counted = limiter(path)
    size = path.stat().st_size
    for number in range(50_000):
        counted.hit(HOUR, str(number))
    assert path.stat().st_size == size < 1_000_000
    kept = sum(counted.get_window_stats(HOUR, str(number)).remaining < 1_000 for number in range(0, 50_000, 10))
    assert 2_500 <= kept <= 3_400


def test_the_clock_may_be_set_back(path: Path, clock: Callable[[float], None]) -> None:
    """What was counted in the future counts nothing now."""
    counted = limiter(path)
    clock(10_000_000.0)
    _hit(counted, 1_000)
    clock(1_000.0)
    _hit(counted, 1_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Whoever puts a file or link in place beforehand cannot have the server write, or count, in it."""
    path.touch(0o600)
    os.chown(path, 12345, 12345)
    with pytest.raises(PermissionError, match="remove it"):
        limiter(path)


def test_what_others_can_reach_is_refused(path: Path) -> None:
    """A file that others may read or write, or a link, is not used."""
    path.touch()
    path.chmod(0o666)
    with pytest.raises(PermissionError, match="remove it"):
        limiter(path)
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        limiter(link)
