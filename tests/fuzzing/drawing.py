"""What the steps of the state machine are drawn from: few names, so that requests meet each other."""

from typing import Any

from hypothesis import strategies as st

from scim_server.protocol.catalog import GROUP_URN, USER_URN, ResourceDefinition
from tests.fuzzing.corpus import ENTERPRISE_URN
from tests.protocol import operations, payloads

Json = dict[str, Any]

NAMES = ("ada", "ADA", "grace", "É", "e\u0301", "Ａｄａ", "İ", "ß", "a b", "x@example.com", "b", "")
PEOPLE: tuple[Json, ...] = (
    {"schemas": [USER_URN], "userName": "ada", "displayName": "Ada", "externalId": "a", "title": "Countess"},
    {"schemas": [USER_URN], "userName": "Grace", "active": False, "name": {"familyName": "Hopper"}},
    {"schemas": [USER_URN], "userName": "joan", "emails": [{"value": "b"}, {"value": "a", "primary": True}]},
    {"schemas": [USER_URN], "userName": "Ｊoan", "emails": [{"value": "É", "type": "work"}], "title": "a"},
    {"schemas": [USER_URN], "userName": "É", "name": {"familyName": "a", "formatted": "Émilie"}, "externalId": "A"},
    {"schemas": [USER_URN], "userName": "ß", "addresses": [{"country": "FR"}], "displayName": "", "title": "B"},
)
APART = frozenset({"schemas", "id", "meta", "groups", "members", "password"})

names = st.sampled_from((*NAMES[:4], *NAMES))
picks = st.integers(0, 23)
"""Which of the resources at hand a step is about; most are there, some are not."""
several = st.lists(picks, max_size=4)
if_matches = st.sampled_from((None,) * 6 + ("*", "right", "right", "among others", "stale", "foreign"))
_actives = st.sampled_from((..., ..., ..., True, False, False, None, "True", "false", "maybe"))
_flaws: st.SearchStrategy[Json] = st.sampled_from(
    (
        *({},) * 12,
        {"unheardOf": 1},
        {"id": "mine", "meta": {"version": "1"}},
        {"groups": [{"value": "mine"}]},
        {"schemas": None},
        {"schemas": [USER_URN, GROUP_URN, "urn:x:unheardOf"]},
        {"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": True}]},
        {"displayName": 7},
        {"title": None, "nickName": None},
        {"password": "correct horse"},
    )
)


@st.composite
def user_bodies(draw: st.DrawFn, definition: ResourceDefinition) -> Json:
    """Return the body of a POST or PUT of a user."""
    body = draw(payloads.documents(definition, APART | {"userName", "active"}))
    body[draw(payloads.in_any_case("userName"))] = draw(names)
    active = draw(_actives)
    if active is not ...:
        body["active"] = active
    return _with_flaw(body, draw(_flaws))


@st.composite
def group_bodies(draw: st.DrawFn, members: list[Json]) -> Json:
    """Return the body of a POST or PUT of a group."""
    body: Json = {"schemas": [GROUP_URN], "displayName": draw(names), "members": members}
    if draw(st.booleans()):
        body["externalId"] = draw(names)
    if not members and draw(st.booleans()):
        del body["members"]
    flaw = draw(_flaws)
    return _with_flaw(body, {} if "password" in flaw or "emails" in flaw or "title" in flaw else flaw)


def _with_flaw(body: Json, flaw: Json) -> Json:
    body = {**body, **flaw}
    return {name: value for name, value in body.items() if not (name == "schemas" and value is None)}


@st.composite
def user_patches(draw: st.DrawFn, definition: ResourceDefinition, *, strict: bool) -> list[Json]:
    """Return the operations of a PATCH of a user."""
    drawn = draw(operations.sequences(definition, lenient=not strict, without=APART | {"active"}, most=3))
    extra: list[Json] = draw(st.lists(_user_operations, max_size=1))
    return [*extra, *drawn] if not extra or draw(st.booleans()) else extra


_user_operations: st.SearchStrategy[Json] = st.one_of(
    names.map(lambda name: {"op": "Replace", "path": "userName", "value": name}),
    st.sampled_from(
        (
            *({"op": "replace", "path": "active", "value": value} for value in (True, False, "False", "maybe")),
            {"op": "remove", "path": "active"},
            {"op": "replace", "path": "password", "value": "correct horse"},
            {"op": "remove", "path": "password"},
            {"op": "replace", "path": f"{ENTERPRISE_URN}:manager.value", "value": "m"},
            {"op": "remove", "path": "emails"},
            {"op": "remove", "path": "userName"},
            {"op": "replace", "path": "id", "value": "x"},
            {"op": "replace", "path": "unheardOf", "value": "x"},
        )
    ),
)


@st.composite
def group_patches(draw: st.DrawFn, ids: list[str]) -> list[Json]:
    """Return the operations of a PATCH of a group; ``ids`` are those that may become members, or are not there."""
    drawn = []
    for _ in range(draw(st.integers(1, 3))):
        some = draw(st.lists(st.sampled_from(ids), max_size=3)) if ids else []
        drawn.append(draw(_group_operations(some)))
    return drawn


@st.composite
def _group_operations(draw: st.DrawFn, ids: list[str]) -> Json:
    op = draw(st.sampled_from(("add", "replace", "remove", "Add", "REMOVE")))
    value = [{"value": each} for each in ids]
    form = draw(st.integers(0, 9))
    if form < 4:
        listed = op.lower() != "remove" or form < 2
        return {"op": op, "path": "members", **({"value": value} if listed else {})}
    if form == 4 and op.lower() != "remove":
        return {"op": op, "value": {"displayName": draw(names), "members": value}}
    if form == 5:
        return {"op": "replace", "path": "displayName", "value": draw(names)}
    if form == 6:
        return draw(st.sampled_from(_GROUP_ODDITIES))
    kind = draw(st.sampled_from(("User", "group")))
    selected = " or ".join(f'value eq "{each}"' for each in ids) or f'type eq "{kind}"'
    operation = {"op": op, "path": f"members[{selected}]"}
    return operation if op.lower() == "remove" else {**operation, "value": {"display": "x"}}


_GROUP_ODDITIES: tuple[Json, ...] = (
    {"op": "remove", "path": "displayName"},
    {"op": "replace", "path": 'members[type eq "User"].display', "value": "x"},
    {"op": "replace", "path": "members.value", "value": "x"},
    {"op": "add", "path": "members", "value": [{"display": "nobody"}]},
    {"op": "remove", "path": "externalId"},
    {"op": "replace", "value": {"externalId": "e"}},
    {"op": "replace", "path": "meta.created", "value": "x"},
)

USER_FILTERS = (
    'userName eq "{name}"', 'userName sw "{name}"', 'userName ne "{name}"', 'userName gt "{name}"', "userName pr",
    'id eq "{id}"', 'externalId eq "a"', "externalId pr", "active eq false", "active ne true", "not (active eq true)",
    'emails.value co "a"', 'emails[type eq "work" and value eq "a"]', "emails[primary eq true]", "emails pr",
    "name pr", 'name.familyName eq "a" or title ne "b"', "addresses[not (country pr)]", 'groups.value eq "{id}"',
    "groups pr", 'groups[type eq "indirect"]', 'groups.display eq "{name}"',
    'groups[type eq "direct" and display co "a"]', f'{ENTERPRISE_URN}:employeeNumber eq "a"',
    f"{ENTERPRISE_URN}:manager.value pr", f'{USER_URN}:userName eq "{{name}}"', 'meta.created ge "{moment}"',
    'meta.lastModified gt "{moment}"', 'meta.resourceType eq "User"',
    '(userName eq "{name}" or id eq "{id}") and not (title pr)', "displayName eq null", "displayName ne null",
)  # fmt: skip
GROUP_FILTERS = (
    'displayName eq "{name}"', 'displayName co "{name}"', 'members.value eq "{id}"', "members pr", "not (members pr)",
    'members[type eq "Group"]', 'members[value eq "{id}" and type eq "User"]', 'members.display sw "a"',
    'members.value ne "{id}"', 'displayName gt "b" and externalId pr', 'meta.lastModified le "{moment}"',
)  # fmt: skip
FILTERS_OF_ALL = ('id eq "{id}"', 'externalId eq "a"', 'meta.lastModified ge "{moment}"', "userName pr", "members pr")
BAD_FILTERS = (
    'unheardOf eq "a"', "userName eq", "userName xx 5", 'emails[unheardOf eq "a"]', "(id pr", "active gt true",
)  # fmt: skip
USER_SORTS = (
    "userName", "id", "externalId", "displayName", "name.familyName", "emails", "emails.value", "emails.type",
    "title", "meta.created", "meta.lastModified", "addresses.country", f"{ENTERPRISE_URN}:division",
    f"{ENTERPRISE_URN}:manager.value",
)  # fmt: skip
GROUP_SORTS = ("displayName", "id", "externalId", "meta.lastModified")
PROJECTIONS = (
    "userName", "USERNAME", "displayName", "name", "name.familyName", "emails.value", "emails", "meta",
    "meta.created", "groups", "groups.display", "members", "members.value", "active", "id", "schemas", "password",
    "unheardOf", "externalId", ENTERPRISE_URN, f"{ENTERPRISE_URN}:division", f"{ENTERPRISE_URN}:manager.value",
    f"{USER_URN}:title", "addresses.country",
)  # fmt: skip


@st.composite
def projections(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return the parameter of a projection and the names in it, none where the whole resource is asked for."""
    parameter = draw(st.sampled_from(("attributes", "excludedAttributes")))
    return parameter, draw(st.lists(st.sampled_from(PROJECTIONS), max_size=3, unique=True))
