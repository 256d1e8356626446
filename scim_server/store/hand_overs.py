"""Requests that a member gets the administrator's seat, with their evidence."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal

from scim2_models import ConflictException, NotFoundException
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError

from scim_server.store.hand_over_tables import hand_overs
from scim_server.store.session import Tenant

Kind = Literal["designation", "hand_over", "recovery"]
Status = Literal["requested", "approved", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that shows what was agreed; ``media_type`` is as it was given."""

    name: str
    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class HandOver:
    """A request for the administrator's seat, without the content of its evidence.

    ``role`` is the key of the role in the portal's profile; ``from_user_id`` is who gives it up, None for nobody.
    """

    id: str
    kind: Kind
    role: str
    from_user_id: str | None
    to_user_id: str
    reason: str
    evidence_name: str | None
    evidence_type: str | None
    evidence_digest: str | None
    status: Status
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str | None = None


_COLUMNS = tuple(hand_overs.c[name] for name in HandOver.__slots__)


def insert_hand_over(tenant: Tenant, hand_over: HandOver) -> None:
    """Store a new request.

    :raises ConflictException: When another one is open.
    """
    try:
        tenant.db.execute(insert(hand_overs).values(org_id=tenant.org_id, **asdict(hand_over)))
    except IntegrityError as exc:
        raise ConflictException(detail="another hand-over is open; withdraw it, or have it decided first") from exc


def list_hand_overs(tenant: Tenant, *, before: str | None, limit: int) -> list[HandOver]:
    """Return requests, newest first: those before an id, at most so many."""
    conditions = [hand_overs.c.org_id == tenant.org_id]
    if before is not None:
        conditions.append(hand_overs.c.id < before)
    found = select(*_COLUMNS).where(*conditions).order_by(hand_overs.c.id.desc()).limit(limit)
    return [HandOver(*row) for row in tenant.db.execute(found)]


def find_open(tenant: Tenant) -> HandOver | None:
    """Return the request that is not decided yet, None where there is none."""
    open_one = (hand_overs.c.org_id == tenant.org_id, hand_overs.c.status == "requested")
    row = tenant.db.execute(select(*_COLUMNS).where(*open_one)).first()
    return None if row is None else HandOver(*row)


def get_hand_over(tenant: Tenant, hand_over_id: str, *, lock: bool = False) -> HandOver:
    """Return a request.

    :param lock: Whether its row is held until the transaction ends.
    :raises NotFoundException: When the organization has none of that id.
    """
    found = select(*_COLUMNS).where(*_is(tenant, hand_over_id))
    row = tenant.db.execute(found.with_for_update(key_share=True) if lock else found).first()
    if row is None:
        raise NotFoundException(detail=f"there is no hand-over {hand_over_id[:100]!r}")
    return HandOver(*row)


def get_evidence(tenant: Tenant, hand_over_id: str) -> Evidence:
    """Return the evidence of a request.

    :raises NotFoundException: When there is none, or no such request.
    """
    columns = (hand_overs.c.evidence_name, hand_overs.c.evidence_type, hand_overs.c.evidence)
    row = tenant.db.execute(select(*columns).where(*_is(tenant, hand_over_id))).first()
    if row is None or row.evidence is None:
        raise NotFoundException(detail=f"there is no evidence of a hand-over {hand_over_id[:100]!r}")
    return Evidence(*row)


def set_evidence(tenant: Tenant, hand_over: HandOver, evidence: Evidence) -> HandOver:
    """Give a request whose row is held its evidence, in place of any it had."""
    attached = replace(
        hand_over, evidence_name=evidence.name, evidence_type=evidence.media_type, evidence_digest=evidence.digest
    )
    described = {name: getattr(attached, name) for name in ("evidence_name", "evidence_type", "evidence_digest")}
    is_it = _is(tenant, hand_over.id)
    tenant.db.execute(update(hand_overs).where(*is_it).values(evidence=evidence.content, **described))
    return attached


def decide(tenant: Tenant, hand_over: HandOver, status: Status, note: str | None) -> HandOver:
    """Give a request whose row is held its end."""
    decided = {"status": status, "decided_by": tenant.author, "decided_at": tenant.now, "note": note}
    tenant.db.execute(update(hand_overs).where(*_is(tenant, hand_over.id)).values(decided))
    return replace(hand_over, status=status, decided_by=tenant.author, decided_at=tenant.now, note=note)


def _is(tenant: Tenant, hand_over_id: str) -> tuple[ColumnElement[bool], ...]:
    return (hand_overs.c.org_id == tenant.org_id, hand_overs.c.id == hand_over_id)
