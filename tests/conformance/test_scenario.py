"""The rules of scenario files, and that every shipped one keeps them."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from conformance.matchers import is_matchers
from conformance.scenario import SHIPPED, ScenarioError, load, load_all, read

MINIMAL: dict[str, Any] = {
    "client": "edge",
    "name": "n",
    "source": "s",
    "level": "must",
    "steps": [
        {
            "request": {"method": "POST", "path": "/Users", "body": {"userName": "${run}"}},
            "expect": {"status": [201], "json": {"$.id": {"$not_empty": True}}},
            "save": {"user.id": "$.id"},
        },
        {"request": {"method": "GET", "path": "/Users/${user.id}"}, "expect": {"status": [200]}},
    ],
}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_scenario_is_read_and_can_be_replayed_twice(path: Path) -> None:
    """A scenario is understood, and what it creates is named after the run."""
    scenario = load(path)
    creates = [
        s for s in scenario.steps if s.request.method == "POST" and s.request.path.endswith(("/Users", "/Groups"))
    ]
    for step in creates:
        if 201 in step.expect.status and step.request.payload_kind == "body":
            assert "${run}" in json.dumps(step.request.payload)


def test_scenarios_are_ordered_by_client_and_number() -> None:
    """The order of a run is the order of the files."""
    labels = [scenario.label for scenario in load_all()]
    assert labels == sorted(labels)


def test_shipped_scenarios_look_at_what_they_changed() -> None:
    """No shipped expectation is an empty object, which would compare with `{}` and not with anything."""
    for scenario in load_all():
        for step in scenario.steps:
            for expected in step.expect.json.values():
                assert not isinstance(expected, dict) or is_matchers(expected)


def test_a_good_scenario_is_read() -> None:
    """The smallest scenario has its steps and defaults."""
    scenario = read(MINIMAL, "edge", "x", "edge/x.json")
    assert scenario.label == "edge/x"
    assert [step.repeat for step in scenario.steps] == [1, 1]


def _broken(*keys: str | int, value: Any) -> dict[str, Any]:
    document: Any = deepcopy(MINIMAL)
    below = document
    for key in keys[:-1]:
        below = below[key]
    below[keys[-1]] = value
    return document  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (_broken("levle", value="must"), "edge/x.json: unknown key 'levle'"),
        (_broken("level", value="shall"), "level"),
        (_broken("client", value="okta"), "client"),
        (_broken("requires", value=["telepathy"]), "requires"),
        (_broken("steps", value=[]), "steps"),
        (_broken("steps", 0, "expects", value={}), "steps[0]: unknown key 'expects'"),
        (_broken("steps", 0, "repeat", value=0), "steps[0].repeat"),
        (_broken("steps", 0, "request", "form", value={}), "steps[0].request: body and form"),
        (_broken("steps", 0, "request", "path", value="/Users?filter=a b"), "steps[0].request.path"),
        (_broken("steps", 0, "request", "headers", value={"Accept": 1}), "steps[0].request.headers"),
        (_broken("steps", 0, "request", "body", value=[{"$each": "x"}]), "$each"),
        (_broken("steps", 0, "request", "body", value={"$text": {"chars": "x"}}), "$text"),
        (_broken("steps", 0, "expect", "status", value=201), "steps[0].expect.status"),
        (_broken("steps", 0, "expect", "headers", value={"etag": "("}), "steps[0].expect.headers"),
        (_broken("steps", 0, "expect", "json", value={"id": "x"}), "path 'id'"),
        (_broken("steps", 0, "expect", "json", value={"$.id": {"$size": 1}}), "unknown matcher $size"),
        (_broken("steps", 0, "save", value={}), "steps[1] uses ${user.id}"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_place(document: Any, place: str) -> None:
    """A mistake in a file is found when it is read."""
    with pytest.raises(ScenarioError) as error:
        read(document, "edge", "x", "edge/x.json")
    assert str(error.value).startswith("edge/x.json")
    assert place in str(error.value)


def test_a_key_given_twice_is_an_error(tmp_path: Path) -> None:
    """The second assertion on a path would silently replace the first."""
    path = tmp_path / "edge" / "x.json"
    path.parent.mkdir()
    path.write_text('{"client": "edge", "client": "edge"}')
    with pytest.raises(ScenarioError, match="'client' is given twice"):
        load(path)
