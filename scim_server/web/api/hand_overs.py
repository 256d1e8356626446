"""Hand-overs of the administrator's seat: a request, its evidence, and what the operator decides."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scim2_models import NotFoundException

from scim_server.actions.hand_overs import (
    MAX_EVIDENCE_BYTES,
    approve_hand_over,
    attach_evidence,
    reject_hand_over,
    request_hand_over,
    withdraw_hand_over,
)
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.hand_overs import Evidence, HandOver, get_evidence, get_hand_over, list_hand_overs
from scim_server.store.members import get_member
from scim_server.store.session import Tenant
from scim_server.web.api import seat_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import ANY_MEMBER, Call, Reply, operation
from scim_server.web.api.paging import page
from scim_server.web.api.schemas import PageQuery
from scim_server.web.problems import BadFieldsException

_HAND_OVERS = "/organizations/<organization>/hand-overs"
_HAND_OVER = f"{_HAND_OVERS}/<hand_over>"
_EVIDENCE = f"{_HAND_OVER}/evidence"
_ANSWER = schemas.SeatRequest()


@operation(
    *("GET", _HAND_OVERS),
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=PageQuery(),
    answer=schemas.SeatRequests(),
)
def list_all_hand_overs(call: Call) -> Reply:
    """List what was asked of the operator about the administrator's seat, newest first."""

    def read(before: str | None, limit: int) -> list[dict[str, Any]]:
        found = call.read(lambda tenant: list_hand_overs(tenant, before=before, limit=limit))
        return [schemas.request_content(each) for each in found]

    return page(call, read, lambda each: str(each["id"]))


@operation(
    *("POST", _HAND_OVERS),
    scope="members:write",
    permission=ANY_MEMBER,
    body=schemas.NewSeatRequest(),
    answer=_ANSWER,
    status=201,
)
def create_a_hand_over(call: Call) -> Reply:
    """Ask that a member gets the administrator's seat.

    Who manages members may; where a portal has one administrator and nobody has the seat, each member may. It holds
    once the operator has approved it, which takes evidence.
    """
    body = call.body

    def action(tenant: Tenant) -> Reply:
        assert call.organization is not None
        for name in {"to_member", "from_member"} & body.keys():
            with _member_named_in(f"/{name}"):
                get_member(tenant, body[name])
        evidence = _evidence(body["evidence"], "/evidence") if "evidence" in body else None
        asked = (body["to_member"], body.get("from_member"), body["reason"], evidence, body.get("role"))
        made = request_hand_over(tenant, *asked)
        return Reply(
            schemas.request_content(made), location=f"/organizations/{call.organization.slug}/hand-overs/{made.id}"
        )

    return call.write(action)


@contextmanager
def _member_named_in(pointer: str) -> Iterator[None]:
    """Say of a member who does not exist which field of the body names them."""
    try:
        yield
    except NotFoundException as exc:
        raise BadFieldsException([{"pointer": pointer, "detail": exc.detail or ""}]) from exc


def _evidence(body: Mapping[str, str], pointer: str = "") -> Evidence:
    content = base64.b64decode(body["content"])
    if len(content) > MAX_EVIDENCE_BYTES:
        detail = f"must be a file of at most {MAX_EVIDENCE_BYTES} bytes"
        raise BadFieldsException([{"pointer": f"{pointer}/content", "detail": detail}])
    return Evidence(body["name"], body["type"], content)


@operation("GET", _HAND_OVER, scope="members:read", permission=MANAGE_MEMBERS, answer=_ANSWER)
def get_a_hand_over(call: Call, hand_over: str) -> Reply:
    """Read a hand-over."""
    check_id("hand-over", hand_over)
    return _reply(call.read(lambda tenant: get_hand_over(tenant, hand_over)))


@operation("GET", _EVIDENCE, scope="members:read", permission=MANAGE_MEMBERS, answer=schemas.Evidence())
def get_the_evidence(call: Call, hand_over: str) -> Reply:
    """Read the evidence of a hand-over, its content in base64."""
    check_id("hand-over", hand_over)
    found = call.read(lambda tenant: get_evidence(tenant, hand_over))
    content = base64.b64encode(found.content).decode()
    return Reply({"name": found.name, "type": found.media_type, "content": content})


@operation(*("PUT", _EVIDENCE), scope="members:write", permission=ANY_MEMBER, body=schemas.Evidence(), answer=_ANSWER)
def attach_the_evidence(call: Call, hand_over: str) -> Reply:
    """Give a hand-over that is not decided its evidence; who asked for it may, and who manages members."""
    check_id("hand-over", hand_over)
    return call.write(lambda tenant: _reply(attach_evidence(tenant, hand_over, _evidence(call.body))))


@operation(*("POST", f"{_HAND_OVER}/approve"), scope="operator", body=schemas.Decision(), answer=_ANSWER)
def approve_a_hand_over(call: Call, hand_over: str) -> Reply:
    """Give the member the administrator's seat, and take it from who gives it up."""
    check_id("hand-over", hand_over)
    return call.write(lambda tenant: _reply(approve_hand_over(tenant, hand_over, call.body.get("note"))))


@operation(*("POST", f"{_HAND_OVER}/reject"), scope="operator", body=schemas.Decision(), answer=_ANSWER)
def reject_a_hand_over(call: Call, hand_over: str) -> Reply:
    """Refuse a hand-over."""
    check_id("hand-over", hand_over)
    return call.write(lambda tenant: _reply(reject_hand_over(tenant, hand_over, call.body.get("note"))))


@operation("POST", f"{_HAND_OVER}/withdraw", scope="members:write", permission=ANY_MEMBER, answer=_ANSWER)
def withdraw_a_hand_over(call: Call, hand_over: str) -> Reply:
    """Take a hand-over back that is not decided; who asked for it may, and who manages members."""
    check_id("hand-over", hand_over)
    return call.write(lambda tenant: _reply(withdraw_hand_over(tenant, hand_over)))


def _reply(hand_over: HandOver) -> Reply:
    return Reply(schemas.request_content(hand_over))
