"""What mutations put into requests: awkward texts and numbers, names of SCIM and of nothing, headers, paths."""

from scim_server.protocol.catalog import GROUP_URN, USER_URN
from tests.fuzzing.corpus import ENTERPRISE_URN, GROUPS, PERSON, READER, STRANGER, TOKEN, USERS

TEXTS = (
    "", " ", "a", "A", "null", "true", "-1", "0", "1e9", "{}", "[]", "*", "%", "_", "\\", "'", '"', "a'b\"c\\d",
    "${x}", "\t\r\n", "\x1f", "\x7f", "\0", "a\0b", "\ud800", "\udfffx", "\ufeff", "\ufffe", "\uffff", "😀", "𐐀", "İ",
    "ß", "ǅ", "Σ", "e\u0301", "\u0301", "a" + "\u0301" * 500, "\u202eabc\u202c", "\u200f\u200d\u2066",
    "\u0f71\u0f72\u0f74", "ﷺ" * 50, "１２３", "Ａｄａ", "K", "..", "../../etc/passwd", "/", "//", "?", "#", "&", "=",
    ";", ":", ",", "[", "]", "(", ")", ".", "a" * 300, "x" * 5_000, "é" * 1_200, "0" * 400, "bulkId:u", "bulkId:",
    "bulkId:bulkId:u", "urn:", "urn:x:y", "$ref", "eq", "pr", "not", "id", "id.id", "meta.version", "members",
    "members.value", "groups", "password", "schemas", "active", "members[", "members[]", "members[value]",
    'members[value eq "a"].value', 'members[value eq "a"][type eq "b"]', 'emails[type eq "work"',
    'emails[not (type eq "work")].value', "emails[type eq null]", "emails[type gt 5]", "emails.x",
    'userName[value eq "a"]', "name.givenName.x", f"{ENTERPRISE_URN}:", f"{ENTERPRISE_URN}:manager.value", USER_URN,
    GROUP_URN, f"{USER_URN}:userName", f"{ENTERPRISE_URN}:manager[value eq 1]", "2026-02-30T00:00:00Z", "0000-00-00",
    "9999-12-31T23:59:60Z", "2026-01-31T08:00:00+99:99", "0001-01-01T00:00:00+14:00", "AAEC", "AAE", "====", "tel:+1",
    "a@b", "W/\"1\"", "*,*", "__class__", "constructor", "<script>", "%s%n", "{0}", "\u2028", "NaN", "Infinity",
)  # fmt: skip
"""Awkward strings, some of them of SCIM, some of nothing at all."""

HOSTILE = (
    "\0", "a\0b", "\ud800", "a\udfff", "\ufffe", "\u202e", "\u0301", "é" * 600, "a" * 1_100, "😀" * 300, "'", '"',
    "\\", "%",
)  # fmt: skip
"""Those of them that databases, encodings and indexes are known to trip over."""

NUMBERS = (
    "0", "-0", "1", "-1", "2", "1.0", "1.5", "1e400", "-1e400", "1e-400", "9007199254740993", "2147483648",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 400,
    "1" * 5_000, "0." + "1" * 400, "NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "0x10", "1_000", "1e",
    "--1",
)  # fmt: skip
"""Numbers, and what only looks like one, as they stand in JSON."""

RUNS = (
    b"[1," * 40 + b'"' + b'\\"' * 30_000, b'"' * 30_000, b"[" * 30_000, b'{"a":' * 20_000, b"\\" * 50_001,
    b" " * 90_000, b"9" * 90_000, b"[]," * 30_000,
)  # fmt: skip
"""Pieces of bodies that a reader may take the square of their length for."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 60)
SEGMENTS = (
    "Users", "Groups", "users", "USERS", "Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig", ".search",
    "..", ".", "%00", "%2F", "%2e%2e", "%FF", "%ED%A0%80", "%F0%9F%98%80", "v1", "Devices", "null", "-", "a" * 3_000,
    ";a=b", STRANGER, *USERS[:2], *GROUPS[:2], USERS[0].upper(), USERS[0][:-1], f"{USERS[0]}%20", f"{USERS[0]}%00",
    f"{USERS[0]}.json",
)  # fmt: skip
PARAMETERS = ("filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes")
HEADERS = (
    "If-Match", "If-None-Match", "Content-Type", "Authorization", "X-Request-ID", "Accept", "Content-Length", "Host",
    "Content-Encoding", "Transfer-Encoding", "X-HTTP-Method-Override", "X-Forwarded-Proto", "Cookie", "Range",
    "Expect",
)  # fmt: skip
HEADER_VALUES: dict[str, tuple[str, ...]] = {
    "If-Match": (
        "*",
        'W/"1"',
        '"1"',
        "1",
        'W/"0"',
        'W/"-1"',
        'W/"1.abc"',
        'W/"²"',
        "W/",
        '"',
        ",,,",
        'W/"1", *',
        '"' * 3_000,
    ),
    "Content-Type": (
        "application/json",
        "application/scim+json;charset=utf-16",
        "text/plain",
        "",
        ";",
        'application/scim+json; a="',
        "é",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "APPLICATION/JSON",
    ),
    "Authorization": (
        "",
        "Bearer",
        "Bearer ",
        f"bearer {TOKEN}",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN}x",
        "Basic eDp5",
        TOKEN,
        "Bearer é",
        f"Bearer {READER}",
        f"Bearer {PERSON}",
        "Bearer scimsrv_" + "0" * 36,
        "Bearer " + "a" * 5_000,
        "Bearer \xff",
        'Digest a="',
    ),
    "Content-Length": ("0", "1", "-1", "a", "", "99999999", "9" * 30, "1.5", " 1"),
    "Host": (
        "",
        "a b",
        "é",
        "[::1]",
        "[",
        "a:b",
        "localhost:99999",
        "x" * 500,
        "evil.example/..",
        "a\\b",
        "@",
        "a,b",
        "-",
    ),
    "Content-Encoding": ("gzip", "identity", "deflate, br"),
    "Transfer-Encoding": ("chunked", "gzip"),
}
HEADER_VALUES["If-None-Match"] = HEADER_VALUES["If-Match"]

NAMES = (
    "id", "schemas", "meta", "meta.created", "meta.location", "meta.version", "meta.resourceType", "externalId",
    "userName", "USERNAME", "name", "name.familyName", "emails", "emails.value", "emails.primary",
    "emails[type eq \"work\"]", "active", "password", "groups", "groups.type", "groups.$ref", "members",
    "members.value", "members.display", "members.$ref", "members.type", "displayName", "x509Certificates.value",
    "x509Certificates", "profileUrl", "unheardOf", "name.unheardOf", ENTERPRISE_URN, f"{ENTERPRISE_URN}:manager",
    f"{ENTERPRISE_URN}:manager.displayName", f"{ENTERPRISE_URN}:division", f"{USER_URN}:userName",
    f"{GROUP_URN}:displayName", USER_URN, "urn:x:unheardOf", "", ".", "a.b.c", " ", "😀", "addresses",
)  # fmt: skip
CONNECTIVES = ("and", "or", "AND", "xor")
OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "pr", "xx", "")
