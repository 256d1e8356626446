"""Sorting (RFC 7644 §3.4.2.3)."""

from conformance.rfc.answers import Answer
from conformance.rfc.capabilities import ENTERPRISE
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.people import people

HERE = "7644 §3.4.2.3"


def expect_order(scim: Scim, by: str, names: str, order: str | None = None) -> Answer:
    """Sort the three people and compare their order."""
    three = people(scim)
    query = {"filter": f'userName sw "{three.mark}"', "sortBy": by, **({"sortOrder": order} if order else {})}
    answer = scim.get(scim.users, query).expect(200)
    found = " ".join(three.who(answer))
    return answer.holds(found == names, f"{by} {order or ''} orders {found or 'nobody'}, not {names}")


NEEDS = ("sort", "filter")


@check(
    "sort.ascending", "must", HERE, "If a sortBy is given and no sortOrder, the order SHALL be ascending", needs=NEEDS
)
def ascending(scim: Scim) -> None:
    """Sort with and without an order."""
    expect_order(scim, "userName", "ann bob cid")
    expect_order(scim, "userName", "ann bob cid", "ascending")


@check("sort.descending", "must", HERE, "sortOrder descending reverses the order", needs=NEEDS)
def descending(scim: Scim) -> None:
    """Sort from the end, and from the beginning."""
    expect_order(scim, "userName", "cid bob ann", "descending")
    expect_order(scim, "userName", "ann bob cid", "ascending")


@check(
    "sort.case",
    "must",
    HERE,
    "Strings sort without case unless the attribute is caseExact",
    needs=NEEDS,
    uses=("name.familyName", "displayName"),
)
def case(scim: Scim) -> None:
    """Sort Ann, bob and Cid."""
    expect_order(scim, "displayName", "ann bob cid")
    expect_order(scim, "displayName", "cid bob ann", "descending")


@check(
    "sort.missing",
    "must",
    HERE,
    "Resources without a value are last ascending and first descending",
    needs=NEEDS,
    uses=("name.familyName",),
)
def missing(scim: Scim) -> None:
    """Sort by a name one of them does not have."""
    expect_order(scim, "name.familyName", "bob ann cid")
    expect_order(scim, "name.familyName", "cid ann bob", "descending")


@check(
    "sort.multi-valued",
    "must",
    HERE,
    "Multi-valued attributes sort by the primary or else the first value",
    needs=NEEDS,
    uses=("emails.value",),
)
def multi_valued(scim: Scim) -> None:
    """Sort by the e-mail address, with and without its sub-attribute."""
    expect_order(scim, "emails.value", "ann bob cid")
    expect_order(scim, "emails", "cid bob ann", "descending")


@check("sort.date", "must", HERE, "Dates sort by time", needs=NEEDS)
def date(scim: Scim) -> None:
    """Sort by the time of creation, which may be the same for neighbours."""
    three = people(scim)
    for order in ("ascending", "descending"):
        query = {"filter": f'userName sw "{three.mark}"', "sortBy": "meta.created", "sortOrder": order}
        answer = scim.get(scim.users, query).expect(200)
        times = [one["meta"]["created"] for one in answer.resources]
        in_order = times == sorted(times, reverse=order == "descending") and len(times) == 3
        answer.holds(in_order, f"{order}, the order is {times}")


@check(
    "sort.extension",
    "must",
    f"{HERE}, §3.10",
    "sortBy is written in attribute notation, extensions included",
    needs=NEEDS,
    uses=("enterprise:department",),
)
def extension(scim: Scim) -> None:
    """Sort by department; one of them has none."""
    expect_order(scim, f"{ENTERPRISE}:department", "bob ann cid")
    expect_order(scim, f"{ENTERPRISE}:department", "cid ann bob", "descending")


@check("sort.names-case", "must", "7643 §2.1", "The name in sortBy is case insensitive", needs=NEEDS)
def names_case(scim: Scim) -> None:
    """Sort by USERNAME."""
    expect_order(scim, "USERNAME", "cid bob ann", "descending")
    expect_order(scim, "USERNAME", "ann bob cid", "ascending")


@check("sort.pages", "must", f"{HERE}, §3.4.2.4", "The order holds across pages", needs=NEEDS)
def pages(scim: Scim) -> None:
    """Fetch the three one by one, in either order."""
    three = people(scim)
    for order, names in (("ascending", ["ann", "bob", "cid"]), ("descending", ["cid", "bob", "ann"])):
        query = {"filter": f'userName sw "{three.mark}"', "sortBy": "userName", "sortOrder": order, "count": 1}
        found = []
        for at in (1, 2, 3):
            answer = scim.get(scim.users, {**query, "startIndex": at}).expect(200)
            answer.holds(len(answer.resources) == 1, f"{len(answer.resources)} resources, not 1")
            found += three.who(answer)
        answer.holds(found == names, f"{order}, the pages are {found}")
