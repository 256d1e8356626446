"""An operation of the API as a value: what checks a request, renders its answer and documents both.

A view is given a :class:`Call` and returns a :class:`Reply`; what stands around it is the same for all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request
from marshmallow import Schema, ValidationError
from scim2_models import ConflictException, ForbiddenException, NotFoundException

from scim_server.actions.authority import require_permission
from scim_server.actions.organizations import UnknownError
from scim_server.actions.tokens import CredentialStateError
from scim_server.protocol.errors import UnsupportedMediaTypeException
from scim_server.protocol.idempotency import Answer
from scim_server.protocol.wire import read_object
from scim_server.store.clients import AssertionTakenError
from scim_server.store.connections import ConnectionNameTakenError
from scim_server.store.members import get_member
from scim_server.store.organizations import Organization, SlugTakenError
from scim_server.store.session import Credentials, Platform, Tenant, begin, begin_platform, transact
from scim_server.web.api.access import check_id, enter
from scim_server.web.api.idempotency import HEADER, Claimed, answer_once
from scim_server.web.authentication import require_scope
from scim_server.web.problems import API_PREFIX, BadFieldsException, pointers
from scim_server.web.requests import current_request, read_body_bytes
from scim_server.web.site import current_site

T = TypeVar("T")
MEDIA_TYPE = "application/json"
CSV_MEDIA_TYPE = "text/csv"
ON_BEHALF_OF = "On-Behalf-Of"
"""The header that names the member for whom the portal's back end asks."""

ANY_MEMBER = ""
"""The permission of an operation that every member with access may ask for."""

blueprint = Blueprint("api", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation takes and answers; ``path`` is that of Flask, below ``/api/v1``.

    ``versioned`` says that its answer has an ETag, and a change takes If-Match. ``deleting`` says that it also works
    in an organization that is being deleted. ``permission`` is what a member needs on whose behalf it is asked for,
    None where none may, ``ANY_MEMBER`` where each may who has access; with ``own``, anybody may who is the member that
    the path names. ``takes_csv`` leaves the body to the view, which reads it piece by piece; with
    ``gives_csv``, the content of its reply are the pieces of a file.
    """

    name: str
    method: str
    path: str
    text: str
    scope: str
    query: Schema
    body: Schema | None
    answer: Schema | None
    status: int
    versioned: bool
    deleting: bool
    permission: str | None
    own: bool
    takes_csv: bool
    gives_csv: bool


OPERATIONS: list[Operation] = []


@dataclass(frozen=True, slots=True)
class Reply:
    """What a view answers, before it is rendered; ``status`` is that of the operation where it is None.

    ``location`` is a path below ``/api/v1``; ``next_cursor`` is that of the next page.
    """

    content: Any = None
    etag: str | None = None
    location: str | None = None
    next_cursor: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an operation, read and allowed; without an organization where its path names none."""

    operation: Operation
    credentials: Credentials
    organization: Organization | None
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    if_match: str | None
    claimed: Claimed | None = None

    def read(self, read: Callable[[Tenant], T]) -> T:
        """Return what is read in the organization."""
        with begin(current_site().store, self.credentials, write=False) as tenant:
            return read(tenant)

    def write(self, action: Callable[[Tenant], Reply]) -> Reply:
        """Run an action in the organization, with what is kept of its answer, in one transaction."""
        return transact(current_site().store, self.credentials, partial(self._kept, action))

    def write_platform(self, action: Callable[[Platform], Reply]) -> Reply:
        """Do the same across organizations."""
        with begin_platform(current_site().store, write=True) as platform:
            return self._kept(action, platform)

    def _kept(self, action: Callable[[Any], Reply], context: Platform | Tenant) -> Reply:
        reply = action(context)
        if self.claimed is not None:
            self.claimed.keep(context, rendered(self.operation, reply))
        return reply


View = Callable[..., Reply]


class _NoParameters(Schema):
    """Takes no parameters."""


def operation(
    method: str,
    path: str,
    *,
    scope: str,
    query: Schema | None = None,
    body: Schema | None = None,
    answer: Schema | None = None,
    status: int = 200,
    versioned: bool = False,
    deleting: bool = False,
    permission: str | None = None,
    own: bool = False,
    takes_csv: bool = False,
    gives_csv: bool = False,
) -> Callable[[View], View]:
    """Serve a view as an operation; its docstring is the operation's text in the documentation."""

    def serve(view: View) -> View:
        text = " ".join((view.__doc__ or "").split())
        declared = Operation(
            view.__name__,
            method,
            path,
            text,
            scope,
            query or _NoParameters(),
            body,
            answer,
            status,
            versioned,
            deleting,
            permission,
            own,
            takes_csv,
            gives_csv,
        )
        OPERATIONS.append(declared)
        blueprint.add_url_rule(path, view.__name__, partial(_serve, declared, view), methods=[method])
        return view

    return serve


def _serve(declared: Operation, view: View, **arguments: str) -> Response:
    call = _allowed(declared, arguments.pop("organization", None), arguments.get("member"))
    raw = read_body_bytes() if declared.body is not None else b""

    def answer(claimed: Claimed | None) -> Answer:
        read = replace(call, query=_read_query(declared.query), body=_read_body(declared.body, raw), claimed=claimed)
        try:
            return rendered(declared, view(read, **arguments))
        except UnknownError as exc:
            raise NotFoundException(detail=str(exc)) from exc
        except SlugTakenError as exc:
            raise _taken("/slug", exc) from exc
        except ConnectionNameTakenError as exc:
            raise _taken("/name", exc) from exc
        except (CredentialStateError, AssertionTakenError) as exc:
            raise ConflictException(detail=str(exc)) from exc

    if declared.gives_csv:
        return _file(view(replace(call, query=_read_query(declared.query)), **arguments))
    if declared.takes_csv:
        _check_upload()
    if declared.method == "POST" and HEADER in request.headers:
        answered = answer_once(call.credentials, raw, answer)
    else:
        answered = answer(None)
    response = Response(answered.body, answered.status, answered.headers)
    if not answered.body:
        response.headers.pop("Content-Type", None)  # It is not the HTML that Flask supposes.
    if declared.method == "GET":
        response.make_conditional(request.environ)
    return response


def _file(reply: Reply) -> Response:
    """Return a file that goes out piece by piece, as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{request.path.rpartition("/")[2]}"'}
    return Response(reply.content, headers=headers, content_type=f"{CSV_MEDIA_TYPE}; charset=utf-8")


def _check_upload() -> None:
    """Refuse an upload that is no file, before it is read."""
    if current_request().mimetype != CSV_MEDIA_TYPE:
        raise UnsupportedMediaTypeException(detail=f"send the file itself as the body, as {CSV_MEDIA_TYPE}")
    if HEADER in request.headers:
        # NB: the key stands for a body that is read first, and this one is not held. An upload changes nobody.
        detail = "is not taken with an upload, which changes nobody: send it again without"
        raise BadFieldsException([{"header": HEADER, "detail": detail}])


@contextmanager
def named_in(pointer: str) -> Iterator[None]:
    """Say of what does not exist which field of the body names it."""
    try:
        yield
    except UnknownError as exc:
        raise BadFieldsException([{"pointer": pointer, "detail": str(exc)}]) from exc


def _taken(pointer: str, error: ValueError) -> BadFieldsException:
    taken = BadFieldsException([{"pointer": pointer, "detail": str(error)}], detail=str(error))
    taken.status = ConflictException.status
    return taken


def _allowed(declared: Operation, named: str | None, member_id: str | None) -> Call:
    """Return the call of a request that its token allows: what is in another organization is not there at all."""
    credentials, organization = current_request().credentials, None
    if named is not None:
        organization, credentials = enter(named, deleting=declared.deleting)
    require_scope(declared.scope)
    if organization is not None and ON_BEHALF_OF in request.headers:
        credentials = _on_behalf(declared, organization, credentials, member_id)
    return Call(declared, credentials, organization, {}, {}, request.headers.get("If-Match"))


def _on_behalf(
    declared: Operation, organization: Organization, credentials: Credentials, member_id: str | None
) -> Credentials:
    """Return the credentials of the member for whom the portal asks, who may do no more than they may themselves.

    :raises ForbiddenException: When the operation is none for members, or they lack its permission, or have no access.
    """
    acting = check_id("member", request.headers[ON_BEHALF_OF])
    if declared.permission is None:
        raise ForbiddenException(detail=f"this is done for the organization, not by its members: omit {ON_BEHALF_OF}")
    actor = replace(credentials.actor, kind="member", id=acting)
    acts = replace(credentials, actor=actor)
    with begin(current_site().store, acts, write=False) as tenant:
        if get_member(tenant, acting).state != "active":
            raise ForbiddenException(detail="the member has no access")
        if declared.permission != ANY_MEMBER and not (declared.own and member_id == acting):
            require_permission(tenant, organization, declared.permission)
    return acts


def _read_query(schema: Schema) -> Mapping[str, Any]:
    """Return the parameters of the query, as the schema reads them."""
    sent = request.args
    errors = [
        {"parameter": name, "detail": "is given more than once"} for name, values in sent.lists() if len(values) > 1
    ]
    try:
        read: Mapping[str, Any] = schema.load(sent.to_dict())
    except ValidationError as exc:
        errors += [{"parameter": each["pointer"][1:], "detail": each["detail"]} for each in pointers(exc.messages)]
    if errors:
        raise BadFieldsException(errors)
    return read


def _read_body(schema: Schema | None, raw: bytes) -> Mapping[str, Any]:
    """Return the body, as the schema reads it."""
    if schema is None:
        return {}
    if current_request().mimetype != MEDIA_TYPE:
        raise UnsupportedMediaTypeException(detail=f"send the body as {MEDIA_TYPE}")
    try:
        read: Mapping[str, Any] = schema.load(read_object(raw))
    except ValidationError as exc:
        raise BadFieldsException(pointers(exc.messages)) from exc
    return read


def rendered(declared: Operation, reply: Reply) -> Answer:
    """Return a reply as it goes out."""
    headers: dict[str, str] = {}
    body = b""
    if declared.answer is not None and reply.content is not None:
        headers["Content-Type"] = MEDIA_TYPE
        body = orjson.dumps(declared.answer.dump(reply.content))
    if reply.etag is not None:
        headers["ETag"] = reply.etag
    if reply.location is not None:
        headers["Location"] = f"{current_site().origin()}{API_PREFIX}{reply.location}"
    if reply.next_cursor is not None:
        # RFC 8288 §3: what else the request asked for stays.
        query = urlencode({**request.args.to_dict(), "cursor": reply.next_cursor})
        headers["Link"] = f'<{current_site().origin()}{request.path}?{query}>; rel="next"'
    return Answer(reply.status or declared.status, headers, body.decode())
