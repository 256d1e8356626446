"""What servers get wrong, each as a change to a request or an answer of one that does not."""

from typing import Any

import orjson

from conformance.exchange import Received, Sent
from tests.conformance.peers import (
    TOKEN,
    Fault,
    Send,
    each_resource,
    with_body,
    with_bytes,
    with_headers,
    with_query,
    with_status,
    without_header,
)


def is_resource(sent: Sent) -> bool:
    """Whether a request is about users or groups."""
    return any(part in sent.url for part in ("/Users", "/Groups"))


def without_member(name: str) -> Fault:
    """Leave a member out of every resource."""

    def fault(sent: Sent, send: Send) -> Received:
        received = send(sent)
        if not is_resource(sent) or received.status >= 400:
            return received
        return with_body(received, lambda document: each_resource(document, lambda one: one.pop(name, None)))

    return fault


def with_member(name: str, value: Any) -> Fault:
    """Write a member into every resource."""

    def fault(sent: Sent, send: Send) -> Received:
        received = send(sent)
        if not is_resource(sent) or received.status >= 400:
            return received
        return with_body(received, lambda document: each_resource(document, lambda one: one.update({name: value})))

    return fault


def without_parameter(*names: str) -> Fault:
    """Ignore query parameters, in the URL and in the body of a search."""

    def fault(sent: Sent, send: Send) -> Received:
        sent = with_query(sent, lambda query: {key: value for key, value in query.items() if key not in names})
        if sent.url.endswith("/.search") and sent.body and sent.body.endswith(b"}"):
            body = {key: value for key, value in orjson.loads(sent.body).items() if key not in names}
            sent = Sent(sent.method, sent.url, sent.headers, orjson.dumps(body))
        return send(sent)

    return fault


def swallowing(*methods: str, every: int = 1) -> Fault:
    """Say that all is well, and do nothing; or nothing every so many times."""
    seen = [0]

    def fault(sent: Sent, send: Send) -> Received:
        if sent.method not in methods or not is_resource(sent) or sent.url.endswith("/.search"):
            return send(sent)
        seen[0] += 1
        if seen[0] % every:
            return send(sent)
        if sent.method == "PUT":
            return send(Sent("GET", sent.url, with_headers(sent, if_match=None).headers, None))
        return Received(204, "", (), b"", 0.0)

    return fault


def answering(status: int, instead: int) -> Fault:
    """Answer with another status."""

    def fault(sent: Sent, send: Send) -> Received:
        received = send(sent)
        return with_status(received, instead) if received.status == status else received

    return fault


def forgiving(sent: Sent, send: Send) -> Received:
    """Answer every mistake by 200 and an empty list."""
    received = send(sent)
    if received.status < 400:
        return received
    return with_bytes(with_status(received, 200), b'{"schemas":["urn:x"],"id":"x","totalResults":0,"Resources":[]}')


def confused(sent: Sent, send: Send) -> Received:
    """Answer every mistake by another 4xx without a word."""
    received = send(sent)
    return with_bytes(with_status(received, 418), b"") if received.status >= 400 else received


def nameless(sent: Sent, send: Send) -> Received:
    """Leave the scimType out of errors, and write their status as a number."""
    received = send(sent)
    if received.status < 400:
        return received
    return with_body(received, lambda error: {"status": received.status, "schemas": error.get("schemas")})


def html(sent: Sent, send: Send) -> Received:
    """Say that everything is HTML."""
    received = without_header(send(sent), "Content-Type")
    headers = (*received.headers, ("Content-Type", "text/html"))
    return Received(received.status, received.reason, headers, received.body, 0.0)


def open_to_all(sent: Sent, send: Send) -> Received:
    """Ask nobody for a token."""
    return send(with_headers(sent, authorization=f"Bearer {TOKEN}"))


def bare(name: str) -> Fault:
    """Leave a header out of every answer."""

    def fault(sent: Sent, send: Send) -> Received:
        return without_header(send(sent), name)

    return fault


def deaf(**headers: None) -> Fault:
    """Ignore headers of requests."""

    def fault(sent: Sent, send: Send) -> Received:
        return send(with_headers(sent, **headers))

    return fault


def strict_case(sent: Sent, send: Send) -> Received:
    """Look for bearer, media types and names in one spelling only."""
    headers = dict(sent.headers)
    if headers.get("Authorization", "").startswith("bearer"):
        return Received(401, "", (), b"{}", 0.0)
    text = f"{sent.url} {(sent.body or b'').decode(errors='replace')} {headers.get('Content-Type')}"
    spellings = (
        "USERNAME",
        "DISPLAYNAME",
        "TITLE",
        "%20EQ%20",
        "%20OR%20",
        "NOT%20",
        "SCIM+JSON",
        "displayname",
        "PR&",
    )
    if any(spelling in text for spelling in spellings) or text.split(" ")[0].endswith("PR%29"):
        return Received(400, "", (), b"{}", 0.0)
    return send(sent)


def splitting(sent: Sent, send: Send) -> Received:
    """Apply the operations of a PATCH one by one, until one fails."""
    if sent.method != "PATCH":
        return send(sent)
    body = orjson.loads(sent.body or b"{}")
    received = send(sent) if len(body.get("Operations", [])) < 2 else None
    for operation in body.get("Operations", []) if received is None else []:
        one = orjson.dumps({**body, "Operations": [operation]})
        received = send(Sent(sent.method, sent.url, sent.headers, one))
        if received.status >= 400:
            break
    assert received is not None
    return received


def doubling(sent: Sent, send: Send) -> Received:
    """Store each value of a multi-valued attribute twice, all primary."""

    def double(one: dict[str, Any]) -> None:
        for name in ("emails", "members", "groups", "schemas"):
            values = one.get(name) or []
            one[name] = [{**v, "primary": True} if isinstance(v, dict) else v for v in [*values, *values]]

    received = send(sent)
    if not is_resource(sent) or received.status >= 400:
        return received
    return with_body(received, lambda document: each_resource(document, double))


def miscounting(sent: Sent, send: Send) -> Received:
    """Count one resource too many, and forget where the page started."""
    received = send(sent)
    if received.status != 200 or b"totalResults" not in received.body:
        return received

    def change(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "totalResults": document["totalResults"] + 1, "itemsPerPage": 99, "startIndex": 99}

    return with_body(received, change)


def touching(sent: Sent, send: Send) -> Received:
    """Write a later lastModified and another version at each look."""
    seen = len(touched)
    touched.append(sent)

    def touch(one: dict[str, Any]) -> None:
        if "meta" in one:
            one["meta"] |= {"lastModified": f"2999-01-01T00:00:{seen % 60:02}.{seen:06}Z", "version": f'W/"{seen}"'}

    received = send(sent)
    return with_body(received, lambda document: each_resource(document, touch)) if received.status < 400 else received


touched: list[Sent] = []


def frozen(sent: Sent, send: Send) -> Received:
    """Never change the times and versions of anything."""

    def freeze(one: dict[str, Any]) -> None:
        if "meta" in one:
            one["meta"] |= {"lastModified": "2020-01-01T00:00:00Z", "created": "2020-01-01", "version": 'W/"1"'}

    received = send(sent)
    return with_body(received, lambda document: each_resource(document, freeze)) if received.status < 400 else received


def garbling(sent: Sent, send: Send) -> Received:
    """Spoil every string that is not plain: other scripts, quotation marks, base64, long ones; and every boolean."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoil(below) for key, below in value.items()}
        if isinstance(value, list):
            return [spoil(below) for below in value]
        if isinstance(value, bool):
            return str(value)
        return (
            value[:60].encode("ascii", "ignore").decode() if isinstance(value, str) and "urn:" not in value else value
        )

    received = send(sent)
    return with_body(received, spoil) if is_resource(sent) and received.status < 400 else received


def undiscoverable(sent: Sent, send: Send) -> Received:
    """Describe oneself badly: half of the configuration, types and schemas."""
    received = send(sent)
    if not any(part in sent.url for part in ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas")):
        return received
    if received.status >= 400:
        return with_status(received, 500)
    keep = {"id", "name", "Resources", "totalResults", "authenticationSchemes"}

    def change(document: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in document.items() if key in keep}
        return {**kept, "totalResults": 99, "Resources": [], "authenticationSchemes": [{}]}

    return with_body(received, change)


def bulk_results(sent: Sent, send: Send) -> Received:
    """Give the results of a bulk request in the other order, without bulkId, as numbers."""
    received = send(sent)
    if not sent.url.endswith("/Bulk") or received.status != 200:
        return received

    def change(document: dict[str, Any]) -> dict[str, Any]:
        results = [
            {**one, "status": int(one["status"]), "bulkId": None, "response": None} for one in document["Operations"]
        ]
        return {"Operations": results[::-1]}

    return with_body(received, change)


def bulk_ignored(sent: Sent, send: Send) -> Received:
    """Say that every operation of a bulk request was done, and do none."""
    if not sent.url.endswith("/Bulk"):
        return send(sent)
    try:
        operations = orjson.loads(sent.body or b"").get("Operations", [])
    except orjson.JSONDecodeError:
        operations = []
    done = [{**one, "status": "201", "location": f"{sent.url}/x/{at}"} for at, one in enumerate(operations)]
    return Received(200, "", (), orjson.dumps({"Operations": done}), 0.0)


def everything_created(sent: Sent, send: Send) -> Received:
    """Create whatever is sent, errors or not."""
    received = send(sent)
    if sent.method != "POST" or not is_resource(sent) or received.status < 400:
        return received
    try:
        body = orjson.loads(sent.body or b"")
    except orjson.JSONDecodeError:
        body = {}
    echo = {**body, "id": "x"} if isinstance(body, dict) else {"id": "x"}
    return with_bytes(with_status(received, 201), orjson.dumps(echo))


def refusing(*parts: str) -> Fault:
    """Refuse every request whose URL or body contains one of these."""

    def fault(sent: Sent, send: Send) -> Received:
        text = sent.url + (sent.body or b"").decode(errors="replace")
        if sent.method != "DELETE" and any(part in text for part in parts):
            return Received(400, "", (), b'{"scimType":"tooMany","status":"400"}', 0.0)
        return send(sent)

    return fault


def half_described(sent: Sent, send: Send) -> Received:
    """Page through what is to be listed whole, and give attributes a type that is none."""
    received = send(sent)
    if "/Schemas" not in sent.url and "/ResourceTypes" not in sent.url:
        return received
    text = received.body.replace(b'"type": "string"', b'"type": "text"').replace(
        b'"returned": "never"', b'"returned": "x"'
    )
    received = with_bytes(received, text)
    if "count=1" not in sent.url:
        return received
    return with_body(received, lambda document: {**document, "Resources": document["Resources"][:1]})


def rewriting(written: str, instead: str) -> Fault:
    """Understand one thing as another."""

    def fault(sent: Sent, send: Send) -> Received:
        body = sent.body.replace(written.encode(), instead.encode()) if sent.body else sent.body
        return send(Sent(sent.method, sent.url.replace(written, instead), sent.headers, body))

    return fault


def picky(sent: Sent, send: Send) -> Received:
    """Accept one media type, written in one way."""
    headers = dict(sent.headers)
    if headers.get("Accept") != "application/scim+json":
        return Received(406, "", (), b"", 0.0)
    return send(sent)


def descending(sent: Sent, send: Send) -> Received:
    """Sort from the end where no order is given."""
    return send(with_query(sent, lambda query: {"sortOrder": "descending", **query} if "sortBy" in query else query))


def idless(sent: Sent, send: Send) -> Received:
    """Leave out the id when asked to."""
    if "excludedAttributes=id" not in sent.url:
        return send(sent)
    return without_member("id")(sent, send)


def constant_total(sent: Sent, send: Send) -> Received:
    """Find nobody but where a filter asks."""
    received = send(sent)
    if received.status != 200 or "filter" in sent.url or b"totalResults" not in received.body:
        return received
    return with_body(received, lambda document: {**document, "totalResults": 0})


def all_primary(sent: Sent, send: Send) -> Received:
    """Call every e-mail address primary."""

    def change(one: dict[str, Any]) -> None:
        for email in one.get("emails") or []:
            email["primary"] = True

    received = send(sent)
    if not is_resource(sent) or received.status >= 400:
        return received
    return with_body(received, lambda document: each_resource(document, change))


def answering_to(method: str, status: int) -> Fault:
    """Answer a method by a status, whatever came of it."""

    def fault(sent: Sent, send: Send) -> Received:
        received = send(sent)
        return with_status(received, status) if sent.method == method else received

    return fault
