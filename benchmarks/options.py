"""What a run is asked for, and the sizes that follow."""

from dataclasses import dataclass

TARGETS = (*(f"P{number}" for number in range(1, 15)), "CYCLE", "PRESETS")
"""The targets of performance, the initial cycle, which has none, and the portal profiles."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is loaded for ``make bench``; the largest group is what W7 reads."""

    users: int = 10_200
    groups: tuple[int, ...] = (10, 1_000, 10_000)
    bulk: int = 1_000
    rounds: int = 10
    starts: int = 3


@dataclass(frozen=True, slots=True)
class LargeSizes:
    """How much is loaded for ``make bench-large``."""

    users: int = 1_000_200
    few_users: int = 1_000
    groups: tuple[int, ...] = (10, 100_000, 1_000_000)
    organizations: int = 10_000
    users_each: int = 20
    first_users: int = 100_000
    first_groups: int = 1_000
    rounds: int = 30


@dataclass(frozen=True, slots=True)
class RightsSizes:
    """How much is loaded for the permissions of members."""

    few: int = 100
    many: int = 100_000
    roles: int = 200
    rounds: int = 300


@dataclass(frozen=True, slots=True)
class MemberListSizes:
    """How much is loaded for the members list."""

    few: int = 1_000
    many: int = 100_000
    rounds: int = 60


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run; ``pairs`` is how many rounds, ``seconds`` how long a cell of them takes."""

    only: frozenset[str] = frozenset(TARGETS)
    pairs: int = 30
    seconds: float = 0.3
    sizes: Sizes = Sizes()
    large: LargeSizes = LargeSizes()
    rights: RightsSizes = RightsSizes()
    member_lists: MemberListSizes = MemberListSizes()

    def wants(self, *targets: str) -> bool:
        """Return whether one of these targets is asked for."""
        return not self.only.isdisjoint(targets)


QUICK = Sizes(users=400, groups=(10, 100, 150), bulk=100, rounds=2, starts=1)
QUICK_MEMBER_LISTS = MemberListSizes(few=40, many=200, rounds=2)
QUICK_RIGHTS = RightsSizes(few=40, many=200, roles=10, rounds=3)
QUICK_LARGE = LargeSizes(
    users=1_500,
    few_users=700,
    groups=(10, 600, 1_300),
    organizations=10,
    users_each=20,
    first_users=160,
    first_groups=10,
    rounds=2,
)
