"""What a connection does where a client provisions again what was there before."""

from dataclasses import dataclass
from typing import Literal, get_args

OnInactive = Literal["refuse", "reactivate"]
OnExisting = Literal["refuse", "adopt"]
OnDelete = Literal["hard", "soft"]

ON_INACTIVE: tuple[OnInactive, ...] = get_args(OnInactive)
ON_EXISTING: tuple[OnExisting, ...] = get_args(OnExisting)
ON_DELETE: tuple[OnDelete, ...] = get_args(OnDelete)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The rules of one connection; the first value of each is the default.

    ``on_inactive``: a POST of the userName of an inactive user of this connection is refused with
    409, or makes that user active again with what was sent.
    ``on_existing``: a POST of the userName of a user this connection does not provision is refused
    with 409, or takes that user over.
    ``on_delete``: a DELETE removes the user, or leaves a tombstone that keeps the record out of
    every answer and its userName free.
    """

    on_inactive: OnInactive = "refuse"
    on_existing: OnExisting = "refuse"
    on_delete: OnDelete = "hard"


DEFAULT_PROVISIONING = Provisioning()
