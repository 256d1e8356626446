"""Requests that arrive at the same moment: what holds for one after another holds for them too."""

from collections import Counter

from conformance.rfc.answers import pick
from conformance.rfc.check import check
from conformance.rfc.client import PATCH_OP, Asked, Scim

RACERS = 8


def _patch(path: str, *operations: dict[str, object], **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)}, named)


@check(
    "concurrency.create", "must", "7644 §3.3, 7643 §7", "Of racing creates with one userName one is 201, all others 409"
)
def create(scim: Scim) -> None:
    """Create one user eight times at once, three times over."""
    for _ in range(3):
        body = scim.user_body()
        answers = scim.race([Asked("POST", scim.users, body)] * RACERS)
        statuses = Counter(answer.status for answer in answers)
        worst = next((answer for answer in answers if answer.status not in (201, 409)), answers[0])
        worst.holds(statuses == {201: 1, 409: RACERS - 1}, f"the statuses are {dict(statuses)}")


@check(
    "concurrency.members",
    "must",
    "7644 §3.5.2",
    "Racing PATCHes that add members to a group lose none",
    needs=("patch", "groups"),
)
def members(scim: Scim) -> None:
    """Add eight members at once."""
    ids = [scim.user().id for _ in range(RACERS)]
    group = scim.group()
    add = [_patch(scim.at(group), {"op": "add", "path": "members", "value": [{"value": id}]}) for id in ids]
    for answer in scim.race(add):
        answer.succeeds()
    read = scim.read(group)
    found = sorted(str(pick(one, "value")) for one in read.get("members") or [])
    read.holds(found == sorted(ids), f"{len(found)} of {len(ids)} members are there")


@check(
    "concurrency.members-removed",
    "must",
    "7644 §3.5.2",
    "Racing adds and removes of different members lose none",
    needs=("patch", "groups"),
)
def members_removed(scim: Scim) -> None:
    """Remove four members while four others are added."""
    ids = [scim.user().id for _ in range(RACERS)]
    old, new = ids[: RACERS // 2], ids[RACERS // 2 :]
    group = scim.group(members=[{"value": id} for id in old])
    path = scim.at(group)
    changes = [_patch(path, {"op": "remove", "path": f'members[value eq "{id}"]'}) for id in old]
    changes += [_patch(path, {"op": "add", "path": "members", "value": [{"value": id}]}) for id in new]
    for answer in scim.race(changes):
        answer.succeeds()
    read = scim.read(group)
    found = sorted(str(pick(one, "value")) for one in read.get("members") or [])
    read.holds(found == sorted(new), f"the members are {len(found)}, not the {len(new)} added")


@check(
    "concurrency.attributes",
    "must",
    "7644 §3.5.2",
    "Racing PATCHes of different attributes lose none",
    needs=("patch",),
    uses=("title", "nickName", "locale", "timezone"),
)
def attributes(scim: Scim) -> None:
    """Change four attributes of one user at once."""
    user = scim.user()
    values = {"title": "Guide", "nickName": "Annie", "locale": "en-US", "timezone": "Europe/Paris"}
    changes = [_patch(scim.at(user), {"op": "add", "path": name, "value": value}) for name, value in values.items()]
    for answer in scim.race(changes):
        answer.succeeds()
    read = scim.read(user)
    lost = [name for name, value in values.items() if read.get(name) != value]
    read.holds(not lost, f"lost: {', '.join(lost)}")


@check(
    "concurrency.if-match",
    "must",
    "7644 §3.14, 9110 §13.1.1",
    "Of racing changes with one If-Match one wins, all others are 412",
    needs=("patch", "etag"),
)
def if_match(scim: Scim) -> None:
    """Change one version of a user eight times at once."""
    user = scim.user()
    version = str(user.get("meta.version"))
    changes = [
        _patch(scim.at(user), {"op": "replace", "path": "displayName", "value": f"Ann {at}"}, If_Match=version)
        for at in range(RACERS)
    ]
    answers = scim.race(changes)
    statuses = Counter(204 if answer.status == 200 else answer.status for answer in answers)
    worst = next((answer for answer in answers if answer.status not in (200, 204, 412)), answers[0])
    worst.holds(statuses == {204: 1, 412: RACERS - 1}, f"the statuses are {dict(statuses)}")


@check("concurrency.delete", "must", "7644 §3.6", "Of racing deletes of one resource one is 204, all others 404")
def delete(scim: Scim) -> None:
    """Delete a user eight times at once."""
    answers = scim.race([Asked("DELETE", scim.at(scim.user()))] * RACERS)
    statuses = Counter(answer.status for answer in answers)
    worst = next((answer for answer in answers if answer.status not in (204, 404)), answers[0])
    worst.holds(statuses == {204: 1, 404: RACERS - 1}, f"the statuses are {dict(statuses)}")
