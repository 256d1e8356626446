"""Index-based pagination (RFC 7644 §3.4.2.4)."""

from conformance.rfc.answers import Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.people import people

HERE = "7644 §3.4.2.4"
NEEDS = ("filter",)


def page(scim: Scim, **query: object) -> Answer:
    """A page of the three people."""
    return scim.get(scim.users, {"filter": f'userName sw "{people(scim).mark}"', **query}).expect(200)


@check(
    "page.count",
    "must",
    HERE,
    "The provider MUST NOT return more results than count, and totalResults counts all",
    needs=NEEDS,
)
def count(scim: Scim) -> None:
    """Ask for two of three."""
    answer = page(scim, count=2)
    answer.holds(len(answer.resources) == 2, f"{len(answer.resources)} resources, not 2")
    answer.holds(answer.total == 3, f"totalResults is {answer.total}, not 3")


@check(
    "page.items-per-page",
    "must",
    "7644 §3.4.2",
    "itemsPerPage is the number of resources returned in the page",
    needs=NEEDS,
)
def items_per_page(scim: Scim) -> None:
    """Compare it for three pages."""
    for query in ({"count": 2}, {"count": 2, "startIndex": 3}, {"count": 50}):
        answer = page(scim, **query)
        if answer.get("itemsPerPage") is None:
            answer.holds(len(answer.resources) == answer.total, "itemsPerPage is missing in a partial list")
        else:
            answer.equal(len(answer.resources), "itemsPerPage")


@check(
    "page.start-index", "must", "7644 §3.4.2", "startIndex is REQUIRED when partial results are returned", needs=NEEDS
)
def start_index(scim: Scim) -> None:
    """Look for it in two pages."""
    page(scim, count=2).equal(1, "startIndex")
    page(scim, count=1, startIndex=2).equal(2, "startIndex")


@check("page.walk", "must", HERE, "Pages one after another contain each resource once", needs=NEEDS)
def walk(scim: Scim) -> None:
    """Walk through the three by ones, and by twos."""
    for step in (1, 2):
        found: list[str] = []
        for at in range(1, 4, step):
            answer = page(scim, count=step, startIndex=at)
            found += people(scim).who(answer)
        answer.holds(sorted(found) == ["ann", "bob", "cid"], f"by {step} the walk finds {found}")


@check("page.below-one", "must", HERE, "A startIndex less than 1 SHALL be interpreted as 1", needs=NEEDS)
def below_one(scim: Scim) -> None:
    """Start at 0 and before it."""
    first = page(scim, count=2, startIndex=1)
    for at in (0, -5):
        answer = page(scim, count=2, startIndex=at)
        answer.holds(answer.ids == first.ids, f"startIndex {at} returns another page").equal(1, "startIndex")


@check("page.count-zero", "must", HERE, "A count of 0 returns no resource results except for totalResults", needs=NEEDS)
def count_zero(scim: Scim) -> None:
    """Ask for none."""
    answer = page(scim, count=0)
    answer.holds(not answer.resources and answer.total == 3, f"{len(answer.resources)} of {answer.total} are returned")


@check("page.count-negative", "must", HERE, "A negative count SHALL be interpreted as 0", needs=NEEDS)
def count_negative(scim: Scim) -> None:
    """Ask for less than none."""
    answer = page(scim, count=-3)
    answer.holds(not answer.resources and answer.total == 3, f"{len(answer.resources)} of {answer.total} are returned")


@check("page.beyond", "must", HERE, "A page beyond the end is empty, with the same totalResults", needs=NEEDS)
def beyond(scim: Scim) -> None:
    """Start at the fifth of three."""
    answer = page(scim, startIndex=5, count=2)
    answer.holds(not answer.resources and answer.total == 3, f"{len(answer.resources)} of {answer.total} are returned")


@check(
    "page.count-large",
    "should",
    HERE,
    "A count above the provider's limit returns what it can, not an error",
    needs=NEEDS,
)
def count_large(scim: Scim) -> None:
    """Ask for a million."""
    answer = page(scim, count=1_000_000)
    answer.holds(len(answer.resources) == 3, f"{len(answer.resources)} of 3 are returned")


@check("page.unfiltered", "must", HERE, "count holds without a filter too")
def unfiltered(scim: Scim) -> None:
    """List all users, one to a page."""
    scim.user()
    scim.user()
    answer = scim.get(scim.users, {"count": 1}).expect(200)
    answer.holds(len(answer.resources) == 1 and answer.total >= 2, f"{len(answer.resources)} of {answer.total}")
