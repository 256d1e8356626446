"""Which attributes are returned (RFC 7644 §3.4.2.5, §3.9; RFC 7643 §7)."""

from collections.abc import Callable

from conformance.rfc.answers import Answer
from conformance.rfc.capabilities import ENTERPRISE, USER
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.people import people

HERE = "7644 §3.9"


def ann(scim: Scim, **query: str) -> Answer:
    """Ann, of whom only some attributes are asked for."""
    return scim.get(scim.at(people(scim).users["ann"]), query).expect(200)


@check(
    "projection.attributes",
    "must",
    f"{HERE}, §3.4.2.5",
    "attributes returns those listed and the minimum set, no others",
)
def attributes(scim: Scim) -> None:
    """Ask for the userName."""
    answer = ann(scim, attributes="userName")
    answer.holds(bool(answer.get("userName")), "userName is missing").without("displayName").without("meta")


@check("projection.id-always", "must", "7643 §3.1, §7", "id is returned always")
def id_always(scim: Scim) -> None:
    """Ask for something else, and for everything but the id."""
    id = people(scim).users["ann"].id
    ann(scim, attributes="userName").equal(id, "id")
    ann(scim, excludedAttributes="id").equal(id, "id")


@check(
    "projection.several",
    "must",
    HERE,
    "Several names are separated by commas, in any case",
    uses=("displayName", "title"),
)
def several(scim: Scim) -> None:
    """Ask for two, in capitals."""
    answer = ann(scim, attributes="DISPLAYNAME,title").equal("Ann Älva", "displayName").equal("Tour Guide", "title")
    answer.without("userName")


@check(
    "projection.sub-attribute",
    "must",
    f"{HERE}, §3.10",
    "A sub-attribute is listed in attribute notation",
    uses=("name.familyName", "name.givenName"),
)
def sub_attribute(scim: Scim) -> None:
    """Ask for the family name."""
    ann(scim, attributes="name.familyName").equal({"familyName": "Berg"}, "name").without("displayName")


@check(
    "projection.multi-valued",
    "must",
    f"{HERE}, §3.10",
    "A sub-attribute of a multi-valued attribute is returned for each value",
    uses=("emails.value", "emails.type"),
)
def multi_valued(scim: Scim) -> None:
    """Ask for the types of the e-mail addresses."""
    answer = ann(scim, attributes="emails.type")
    answer.holds(
        sorted(map(str, answer.get("emails"))) == ["{'type': 'home'}", "{'type': 'work'}"],
        "more or less than the types",
    )


@check("projection.urn", "must", "7644 §3.10", "A name may be prefixed by its schema URI")
def urn(scim: Scim) -> None:
    """Ask for the userName by its full name."""
    answer = ann(scim, attributes=f"{USER}:userName")
    answer.holds(bool(answer.get("userName")), "userName is missing").without("displayName")


@check(
    "projection.extension",
    "must",
    "7644 §3.10",
    "An attribute of an extension is listed by its URI",
    uses=("enterprise:department", "enterprise:employeeNumber"),
)
def extension(scim: Scim) -> None:
    """Ask for the department, and for the whole extension."""
    answer = ann(scim, attributes=f"{ENTERPRISE}:department").equal({"department": "Sales"}, ENTERPRISE)
    answer.without("userName")
    ann(scim, attributes=ENTERPRISE).equal("Sales", ENTERPRISE, "department")


@check(
    "projection.excluded",
    "must",
    f"{HERE}, §3.4.2.5",
    "excludedAttributes removes those listed from the default set",
    uses=("displayName", "name"),
)
def excluded(scim: Scim) -> None:
    """Leave out two."""
    answer = ann(scim, excludedAttributes="displayName,name").without("displayName").without("name")
    answer.holds(bool(answer.get("userName")), "userName is missing too")


@check(
    "projection.excluded-sub-attribute",
    "must",
    f"{HERE}, §3.10",
    "A sub-attribute is excluded alone",
    uses=("name.familyName", "name.givenName"),
)
def excluded_sub_attribute(scim: Scim) -> None:
    """Leave out the family name."""
    ann(scim, excludedAttributes="name.familyName").without("name.familyName").equal("Ann", "name.givenName")


@check(
    "projection.excluded-extension",
    "must",
    f"{HERE}, §3.10",
    "An attribute of an extension is excluded by its URI",
    uses=("enterprise:department", "enterprise:employeeNumber"),
)
def excluded_extension(scim: Scim) -> None:
    """Leave out the department."""
    answer = ann(scim, excludedAttributes=f"{ENTERPRISE}:department").without(ENTERPRISE, "department")
    answer.holds(bool(answer.get(ENTERPRISE, "employeeNumber")), "the rest of the extension is missing too")


@check(
    "projection.list", "must", "7644 §3.4.2.5", "Both parameters hold for the resources of a list", needs=("filter",)
)
def in_list(scim: Scim) -> None:
    """List the three without and with a few attributes."""
    who = {"filter": f'userName sw "{people(scim).mark}"'}
    answer = scim.get(scim.users, {**who, "attributes": "userName"}).expect(200)
    answer.holds(len(answer.resources) == 3, "the three are not listed")
    answer.holds(
        all("userName" in one and "meta" not in one for one in answer.resources), "not just userName is returned"
    )
    answer = scim.get(scim.users, {**who, "excludedAttributes": "userName"}).expect(200)
    answer.holds(
        all("userName" not in one and "meta" in one for one in answer.resources), "not just userName is left out"
    )


def _only_user_name(answer: Answer) -> None:
    answer.holds(bool(answer.get("userName")), "userName is missing").without("displayName").without("meta")


def _without_display_name(answer: Answer) -> None:
    answer.holds(bool(answer.get("userName")), "userName is missing").without("displayName")


ASKED: tuple[tuple[dict[str, str], Callable[[Answer], None]], ...] = (
    ({"attributes": "userName"}, _only_user_name),
    ({"excludedAttributes": "displayName"}, _without_display_name),
)


@check("projection.create", "must", HERE, "Both parameters hold for the answer to a POST")
def create(scim: Scim) -> None:
    """Create users."""
    for query, fits in ASKED:
        fits(scim.post(scim.users, scim.user_body(displayName="Ann"), query).expect(201))


@check("projection.replace", "must", HERE, "Both parameters hold for the answer to a PUT")
def replace(scim: Scim) -> None:
    """Replace a user by itself."""
    user = scim.user(displayName="Ann")
    for query, fits in ASKED:
        fits(scim.put(scim.at(user), user.body, query).expect(200))


@check(
    "projection.patch",
    "must",
    "7644 §3.5.2",
    "A PATCH with attributes MUST be answered by 200 and those attributes",
    needs=("patch",),
)
def patch(scim: Scim) -> None:
    """Change a user and ask for what is left."""
    user = scim.user(displayName="Ann")
    operation = {"op": "replace", "path": "displayName", "value": "Anna"}
    _only_user_name(scim.patch(scim.at(user), operation, query={"attributes": "userName"}).expect(200))


@check("projection.group", "must", HERE, "The members of a group can be left out, and asked for", needs=("groups",))
def group(scim: Scim) -> None:
    """Read a group without its members, and only them."""
    group = scim.group(members=[{"value": scim.user().id}])
    scim.get(scim.at(group), {"excludedAttributes": "members"}).expect(200).without("members")
    answer = scim.get(scim.at(group), {"attributes": "members"}).expect(200).without("displayName")
    answer.holds(len(answer.get("members") or []) == 1, "the member is missing")
