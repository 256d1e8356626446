"""The answers to requests that have an ``Idempotency-Key``, so that one that is sent again is not done again.

A request is claimed before it is done, and its answer kept in the transaction that does it: after a crash it was
either done and is answered, or was not and is done once the lease has run out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scim2_models import ConflictException
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.protocol.errors import UnprocessableException
from scim_server.store.session import Platform, Tenant
from scim_server.store.tables import idempotency_keys

KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""How long a request may be under way; what takes longer, and was claimed by another then, is undone."""
_PURGED_AT_ONCE = 100

_IN_FLIGHT = "the request with this Idempotency-Key is still under way; send it again in a moment"


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is this one's to do, until its lease runs out."""

    digest: str
    leased_until: datetime


def claim(platform: Platform, digest: str, org_id: str, request: str) -> Claim | bytes:
    """Claim a request, or return the answer that is kept of it.

    :param digest: Of the key, its actor and its organization.
    :param request: A digest of what is asked for.
    :raises UnprocessableException: When the key came with another request before.
    :raises ConflictException: When the request is under way.
    """
    _purge(platform)
    claimed = Claim(digest, platform.now + LEASE)
    expires_at = platform.now + KEPT_FOR
    values = {"org_id": org_id, "request": request, "leased_until": claimed.leased_until, "expires_at": expires_at}
    dialect = postgresql if platform.db.dialect.name == "postgresql" else sqlite
    insertion = dialect.insert(idempotency_keys).values(digest=digest, **values).on_conflict_do_nothing()
    if platform.db.execute(insertion.returning(idempotency_keys.c.digest)).first() is not None:
        return claimed
    # Held, so that of two that come after a lease one claims it, and the other finds it claimed.
    kept = select(idempotency_keys).where(idempotency_keys.c.digest == digest).with_for_update()
    row = platform.db.execute(kept).first()
    if row is None:  # It was released just now.
        raise ConflictException(detail=_IN_FLIGHT)
    if row.expires_at > platform.now:
        if row.request != request:
            raise UnprocessableException(
                detail="this Idempotency-Key came with another request before; use a new key for a new request"
            )
        if row.answer is not None:
            return bytes(row.answer)
        if row.leased_until > platform.now:
            raise ConflictException(detail=_IN_FLIGHT)
    again = update(idempotency_keys).where(idempotency_keys.c.digest == digest)
    platform.db.execute(again.values(answer=None, **values))
    return claimed


def keep_answer(context: Platform | Tenant, claimed: Claim, answer: bytes) -> None:
    """Keep the answer to a request, in the transaction that does it.

    :raises ConflictException: When the lease has run out and another has claimed the request.
    """
    kept = update(idempotency_keys).where(*_is(claimed)).values(answer=answer)
    if not context.db.execute(kept).rowcount:
        raise ConflictException(detail=_IN_FLIGHT)


def release(platform: Platform, claimed: Claim) -> None:
    """Let a request that failed be done again at once; one that was done keeps its answer."""
    platform.db.execute(delete(idempotency_keys).where(*_is(claimed), idempotency_keys.c.answer.is_(None)))


def _is(claimed: Claim) -> tuple[ColumnElement[bool], ...]:
    return (idempotency_keys.c.digest == claimed.digest, idempotency_keys.c.leased_until == claimed.leased_until)


def _purge(platform: Platform) -> None:
    """Forget what is older than a day."""
    expired = select(idempotency_keys.c.digest).where(idempotency_keys.c.expires_at <= platform.now)
    # NB: waits for nobody who does the same.
    some = expired.limit(_PURGED_AT_ONCE).with_for_update(skip_locked=True)
    platform.db.execute(delete(idempotency_keys).where(idempotency_keys.c.digest.in_(some)))
