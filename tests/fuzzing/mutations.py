"""Changes a request at random: its bytes, its JSON, its path, its query, its headers, its method."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, quote_from_bytes, unquote_plus

from scim_server.web.requests import SCIM_PREFIX
from tests.fuzzing.corpus import CURSOR, GROUPS, STRANGER, USERS, Request
from tests.fuzzing.vocabulary import (
    CONNECTIVES,
    HEADER_VALUES,
    HEADERS,
    HOSTILE,
    METHODS,
    NAMES,
    NUMBERS,
    OPERATORS,
    PARAMETERS,
    RUNS,
    SEGMENTS,
    TEXTS,
)

MAX_BODY_BYTES = 256 * 1024

_RAW, _TWICE = "\x02raw:", "\x02twice"
_RAW_STRING, _TWICE_ESCAPED = re.compile(r'"\\u0002raw:((?:[^"\\]|\\.)*)"'), r"\u0002twice"
_PIECES = (b"\x00", b"\xff", b'"', b"\\", b"\xed\xa0\x80", b"{", b"]", b",", b"\n", b"0")

Mutation = Callable[[Request, Random], Request]


def mutated(request: Request, random: Random) -> Request:
    """Return a request changed once or a few times, now and then not at all."""
    request = _renamed(request, random)
    for _ in range(random.choice((0, 1, 1, 1, 1, 1, 2, 2, 3, 4))):
        request = random.choice(_MUTATIONS)(request, random)
    return request


def _renamed(request: Request, random: Random) -> Request:
    """Return a request with names of its own, mostly, so that a second one is not just refused with 409."""
    if request.body is None or random.random() < 0.3:
        return request
    body = request.body
    for name in (b'"userName":"', b'"displayName":"'):
        body = body.replace(name, name + b"%d " % random.randrange(10**6))
    return replace(request, body=body)


def _change_method(request: Request, random: Random) -> Request:
    return replace(request, method=random.choice(METHODS))


def _change_path(request: Request, random: Random) -> Request:
    path, mark, query = request.target.partition("?")
    segments = path.split("/")
    place = random.randrange(1, len(segments) + 1)
    change = random.randrange(5)
    if change == 0:
        segments[place:place] = [random.choice(SEGMENTS)]
    elif change == 1:
        segments[place : place + 1] = [quote(_text(random), safe="", errors="surrogatepass")]
    elif change == 2:
        del segments[place : place + 1]
    elif change == 3:
        segments = [*SCIM_PREFIX.split("/"), *random.choices(SEGMENTS, k=random.randrange(1, 4))]
    else:
        segments[place:place] = [""] * random.randrange(1, 4)
    return replace(request, target=("/".join(segments) or "/") + mark + query)


def _change_query(request: Request, random: Random) -> Request:
    path, _, query = request.target.partition("?")
    parts = query.split("&") if query else []
    change = random.randrange(6)
    if parts and change == 0:
        parts.remove(random.choice(parts))
    elif parts and change == 1:
        parts.append(random.choice(parts))
    elif parts and change == 2:
        place = random.randrange(len(parts))
        name, _, value = parts[place].partition("=")
        parts[place] = f"{name}={_quoted(_garbled(unquote_plus(value), random))}"
    elif change == 3:
        parts.append(quote_from_bytes(random.randbytes(random.randrange(8)), safe="=&+;"))
    else:
        name = random.choice(PARAMETERS)
        name = random.choice((name, name, name, name.upper(), name.lower(), _quoted(_text(random))))
        parts.append(f"{name}={_quoted(_parameter(name, random))}")
    return replace(request, target=path + "?" + "&".join(parts))


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _parameter(name: str, random: Random) -> str:
    """Return a value of a parameter that may mean something."""
    if random.random() < 0.2:
        return _text(random)
    if name.lower() == "filter":
        return _filter(random)
    if name.lower() in ("startindex", "count"):
        return random.choice((*NUMBERS, "", "٣", "1 ", " 1", "1,2"))
    if name.lower() == "sortorder":
        return random.choice(("ascending", "DESCENDING", "up", ""))
    if name.lower() == "cursor":
        return random.choice(("", CURSOR, CURSOR[:-1], _garbled(CURSOR, random), "gAAAAA", "é", "=" * 9))
    names = [random.choice(NAMES) for _ in range(random.choice((1, 1, 2, 5, 300)))]
    return ",".join(names) if name.lower().endswith("attributes") else names[0]


def _filter(random: Random, depth: int = 0) -> str:
    """Return a filter, most of which can be parsed."""
    form = random.randrange(12 if depth < 3 else 5)
    if form == 5:
        return f" {random.choice(CONNECTIVES)} ".join(_filter(random, depth + 1) for _ in range(2))
    if form == 6:
        return f"not ({_filter(random, depth + 1)})"
    if form == 7:
        suffix = random.choice(("", "", '.value eq "a"', ".value"))
        return f"{random.choice(NAMES)}[{_filter(random, depth + 1)}]{suffix}"
    if form == 8:
        return random.choice(("(", "not (", "emails[", "((")) * random.choice((1, 5, 60, 900))
    if form == 9:
        times = random.choice((3, 50, 190, 210, 900))
        return random.choice((" or ", " and ")).join([_filter(random, 3)[:60]] * times)
    if form == 10:
        depth = random.choice((5, 60, 400))
        return "(" * depth + _filter(random, 3) + ")" * depth
    if form == 11:
        return "not (" * 150 + "id pr" + ")" * 150
    operand = random.choice(
        (
            *(json.dumps(each) for each in (_text(random), random.choice((*USERS, *GROUPS)))),
            *(random.choice(NUMBERS), "true", "null", "{}"),
        )
    )
    name, operator = random.choice(NAMES), random.choice(OPERATORS)
    return f"{name} pr" if operator == "pr" else f"{name} {operator} {operand}"


def _change_header(request: Request, random: Random) -> Request:
    headers = list(request.headers)
    if headers and random.random() < 0.25:
        headers.remove(random.choice(headers))
        return replace(request, headers=tuple(headers))
    name = random.choice(HEADERS)
    value = random.choice(HEADER_VALUES.get(name) or TEXTS)
    if random.random() < 0.2:
        value = _garbled(value, random)
    headers = [each for each in headers if each[0] != name]
    return replace(request, headers=(*headers, (name, _field_value(value))))


def _field_value(text: str) -> str:
    """Return a text as a server gets the value of a header: bytes as Latin-1, without control characters."""
    received = text.encode("utf-8", "surrogatepass").decode("latin-1")[:8_000]
    return "".join(character for character in received if character >= " " and character != "\x7f").strip()


def _change_bytes(request: Request, random: Random) -> Request:
    body = bytearray(request.body or b"{}")
    for _ in range(random.choice((1, 1, 2, 5))):
        place = random.randrange(len(body) + 1)
        end = min(len(body), place + random.choice((1, 1, 4, 30)))
        change = random.randrange(8)
        if change == 0:
            body[place:end] = random.randbytes(end - place)
        elif change == 1:
            del body[place:end]
        elif change == 2:
            body[place:place] = random.choice(_PIECES)
        elif change == 3:
            body[place:place] = body[place:end]
        elif change == 4:
            del body[place:]
        elif change == 5:
            before, after = random.choice(((b"\xef\xbb\xbf", b""), (b"\xff\xfe", b""), (body, b""), (b"[", b"]")))
            body[:] = random.choice((b"", b" ", before + bytes(body) + after))
        elif change == 6:
            body[place:place] = random.choice(RUNS)
        else:
            body[place:place] = random.randbytes(random.randrange(4))
    return replace(request, body=bytes(body[:MAX_BODY_BYTES]))


def _change_json(request: Request, random: Random) -> Request:
    """Change the values of a body, whatever they make of its types."""
    try:
        document = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return _change_bytes(request, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = _changed(document, random)
    return replace(request, body=_dumped(document, escaped=random.random() < 0.5)[:MAX_BODY_BYTES])


def _change_text(request: Request, random: Random) -> Request:
    """Garble one of the strings of a body, in which the rest stays valid."""
    try:
        document = json.loads(request.body or b"{}")
        places = [each for each in _places(document) if isinstance(_at(document, each), str)]
    except (ValueError, RecursionError):
        return request
    if not places:
        return request
    *path, last = random.choice(places)
    holder = _at(document, path)
    holder[last] = _garbled(holder[last], random)
    return replace(request, body=_dumped(document)[:MAX_BODY_BYTES])


def _at(document: Any, path: Iterable[Any]) -> Any:
    for step in path:
        document = document[step]
    return document


def _dumped(document: Any, *, escaped: bool = True) -> bytes:
    """Return JSON, in which what :func:`_raw` made stands as it is and a key may come twice.

    :param escaped: Whether characters beyond ASCII are escaped; a lone surrogate else is three bytes of no UTF-8.
    """
    text = json.dumps(document, ensure_ascii=escaped).replace(_TWICE_ESCAPED, "")
    return _RAW_STRING.sub(lambda found: json.loads(f'"{found[1]}"'), text).encode("utf-8", "surrogatepass")


def _raw(text: str) -> str:
    """Return a string that is written into JSON without quotes."""
    return _RAW + text


def _changed(document: Any, random: Random) -> Any:
    """Return a document with one of its values changed; it shares the others."""
    places = list(_places(document))
    *path, last = random.choice(places) if places else (None,)
    if last is None:
        return _value(random)
    copied = json.loads(json.dumps(document))
    holder = _at(copied, path)
    (_change_member if isinstance(holder, dict) else _change_element)(holder, last, random)
    return copied


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        steps: Sequence[Any] = list(value)
    elif isinstance(value, list):
        steps = range(min(len(value), 50))
    else:
        return
    for step in steps:
        yield (*path, step)
        yield from _places(value[step], (*path, step))


def _change_member(holder: Any, name: str, random: Random) -> None:
    change = random.randrange(10)
    if change == 0:
        del holder[name]
    elif change == 1:
        holder[name + _TWICE] = random.choice((holder[name], _value(random)))
    elif change == 2:
        renamed = random.choice((name.upper(), name.lower(), name.swapcase(), _text(random), *NAMES[:20]))
        holder[renamed] = holder.pop(name)
    elif change == 3:
        holder[random.choice((_text(random), *NAMES))] = _value(random)
    elif change == 4 and name.lower() == "path":
        holder[name] = _path(random)
    elif change == 4 and name.lower() == "filter":
        holder[name] = _filter(random)
    else:
        holder[name] = _replaced(holder[name], random)


def _change_element(holder: Any, place: int, random: Random) -> None:
    change = random.randrange(6)
    if change == 0:
        del holder[place]
    elif change == 1:
        times = random.choice((1, 2, 10, 30))
        holder[place:place] = [holder[place]] * times
    elif change == 2:
        holder.insert(place, _value(random))
    else:
        holder[place] = _replaced(holder[place], random)


def _path(random: Random) -> str:
    suffixes = ("", "", ".value", ".type", ".unheardOf", f"[{_filter(random, 3)}]", f"[{_filter(random, 2)}].value")
    return random.choice(NAMES) + random.choice(suffixes)


def _replaced(value: Any, random: Random) -> Any:
    """Return what stands in place of a value: one of another type, or the same wrapped, cut or garbled."""
    change = random.randrange(8)
    if change == 0:
        return [value]
    if change == 1:
        return {random.choice(("value", "$ref", "op", "a")): value}
    if change == 2:
        depth = random.choice((3, 20, 31, 40, 2_000, 20_000))
        opening, closing = random.choice((("[", "]"), ('{"a":', "}"), ('[{"value":', "}]")))
        return _raw(opening * depth + "1" + closing * depth)
    if change == 3 and isinstance(value, str):
        return _garbled(value, random)
    if change == 4 and isinstance(value, list):
        return value * random.choice((0, 2, 25))
    if change == 5:
        return random.choice((*USERS, *GROUPS, STRANGER, "bulkId:u"))
    return _value(random)


def _value(random: Random) -> Any:
    """Return a value of any type."""
    kind = random.randrange(8)
    if kind < 3:
        return _text(random)
    if kind == 3:
        return _raw(random.choice(NUMBERS))
    if kind == 4:
        return random.choice((None, True, False))
    if kind == 5:
        return [_text(random) for _ in range(random.choice((0, 1, 3, 1_200)))]
    if kind == 6:
        return {random.choice((*NAMES, _text(random))): _text(random) for _ in range(random.choice((0, 1, 3)))}
    return [{"value": _text(random), "type": "work", "primary": True} for _ in range(random.choice((1, 2, 1_100)))]


def _text(random: Random) -> str:
    """Return a string, rarely a very long one."""
    if random.random() < 0.02:
        return random.choice(("a", "é", "😀", "\u0301", "\\", '"', "İ", "ﷺ", "(")) * random.choice((9_000, 60_000))
    return random.choice(HOSTILE if random.random() < 0.3 else TEXTS)


def _garbled(text: str, random: Random) -> str:
    """Return a text with a part of it doubled, dropped, or replaced."""
    start = random.randrange(len(text) + 1)
    end = min(len(text), start + random.choice((0, 1, 1, 5)))
    middle = random.choice(("", text[start:end] * 2, _text(random), random.choice(text or " ")))
    return text[:start] + middle + text[end:]


_MUTATIONS: tuple[Mutation, ...] = (
    *(_change_json,) * 5,
    *(_change_text,) * 4,
    *(_change_query,) * 4,
    *(_change_bytes,) * 2,
    *(_change_header,) * 3,
    *(_change_path,) * 2,
    _change_method,
)


def simpler(request: Request) -> Iterator[Request]:
    """Yield requests that have a little less to them, the boldest cuts first."""
    if request.body:
        yield replace(request, body=None)
        yield from (replace(request, body=_dumped(each)) for each in _simpler_bodies(request.body))
        length = len(request.body)
        for size in (length // 2, length // 4, length // 8, 16, 4, 1):
            for start in range(0, length, size) if size > 0 and length // size <= 64 else ():
                yield replace(request, body=request.body[:start] + request.body[start + size :])
    path, mark, query = request.target.partition("?")
    parts = query.split("&") if mark else []
    for place in range(len(parts)):
        rest = "&".join(parts[:place] + parts[place + 1 :])
        yield replace(request, target=path + (f"?{rest}" if rest else ""))
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        for shorter in (value[: len(value) // 2], value[len(value) // 2 :], value[1:], value[:-1]):
            if len(shorter) < len(value):
                changed = [(name, shorter) if each == (name, value) else each for each in parse_qsl(query)]
                query_text = "&".join(f"{quote(key)}={quote(item, safe='', errors='replace')}" for key, item in changed)
                yield replace(request, target=f"{path}?{query_text}")
    for place in range(len(request.headers)):
        yield replace(request, headers=request.headers[:place] + request.headers[place + 1 :])


def _simpler_bodies(body: bytes) -> Iterator[Any]:
    try:
        document = json.loads(body)
        places = list(_places(document))[:400]
    except (ValueError, RecursionError):
        return
    values: tuple[Any, ...] = (..., None, 1, "", [], {})
    for *path, last in places:
        for value in values:
            copied = json.loads(json.dumps(document))
            holder = _at(copied, path)
            if value is ...:
                del holder[last]
            elif holder[last] not in values[1:]:
                holder[last] = value
            else:
                continue
            yield copied
