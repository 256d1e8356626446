"""What a check is, and the decorator that makes a function one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from conformance.rfc.client import Scim
from conformance.scenario import Level

Run: TypeAlias = Callable[[Scim], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of an RFC and the function that finds out whether a server keeps it.

    `needs` are features the server has to announce, `uses` attributes its schemas have to declare: without them the
    check is not announced rather than failed.
    """

    id: str
    level: Level
    reference: str
    rule: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    run: Run

    @property
    def section(self) -> str:
        """The part of the id before the point."""
        return self.id.partition(".")[0]


REGISTERED: dict[str, Check] = {}
"""Every check by its id, in the order their modules were imported."""


def check(
    id: str, level: Level, reference: str, rule: str, *, needs: tuple[str, ...] = (), uses: tuple[str, ...] = ()
) -> Callable[[Run], Run]:
    """Register the function below as a check; `reference` is written `7644 §3.3`.

    :raises ValueError: When the id is taken.
    """

    def register(run: Run) -> Run:
        if id in REGISTERED:
            raise ValueError(f"two checks are called {id}")
        REGISTERED[id] = Check(id, level, f"RFC {reference}", rule, needs, uses, run)
        return run

    return register
