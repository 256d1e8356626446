"""Mutated requests: none brings the server down, none is answered otherwise than SCIM says, none is slow."""

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import settings

from scim_server.web.requests import SCIM_PREFIX
from tests.databases import Database
from tests.directory import running_app
from tests.fuzzing.corpus import corpus
from tests.fuzzing.mutate import MAX_GROWTH_BYTES, PER_ROUND, Fuzzer, drawn

REQUESTS = 100_000 if settings.get_current_profile_name() == "long" else 2_000
SEED = 2026


@pytest.fixture(scope="module")
def own_app(database: Database) -> Iterator[Flask]:
    """An app of the module's own, to which a handler of bugs can still be added."""
    with running_app(database) as app:
        yield app


@pytest.fixture(scope="module")
def fuzzer(own_app: Flask) -> Fuzzer:
    """A fuzzer of the app."""
    return Fuzzer(own_app, SEED)


def test_mutated_requests_keep_every_promise(fuzzer: Fuzzer) -> None:
    """No 5xx, SCIM bodies alone, nothing slow, nothing stored by what is refused, and memory that stays."""
    outcome = fuzzer.run(REQUESTS)
    if outcome.failure is not None:
        pytest.fail(str(outcome.failure))
    assert outcome.requests == REQUESTS
    assert outcome.growth_bytes < MAX_GROWTH_BYTES
    # Neither refused at the door, all of them, nor hardly mutated.
    assert sum(times for status, times in outcome.statuses.items() if status < 300) > REQUESTS / 5
    assert outcome.statuses[400] > REQUESTS / 10


def test_the_corpus_has_every_route_and_method(own_app: Flask) -> None:
    """Each rule of the application is matched by a request of the corpus, with each of its methods."""
    urls = own_app.url_map.bind("scim.example")
    served = {
        (str(rule), method)
        for rule in own_app.url_map.iter_rules()
        for method in rule.methods or ()
        if str(rule).startswith(SCIM_PREFIX) and method != "OPTIONS"
    }
    met = set()
    for request in corpus():
        path = request.target.partition("?")[0].removesuffix("/")
        if urls.test(path, request.method):
            met.add((str(urls.match(path, request.method, return_rule=True)[0]), request.method))
    assert served - met == set()


def test_the_corpus_is_valid(fuzzer: Fuzzer) -> None:
    """Unmutated, every request keeps every promise, and most succeed although they come one after another."""
    current = fuzzer.new_round()
    for request in corpus():
        fault = fuzzer.fault(current, request)
        assert fault is None, f"{fault[0]}: {request}"
    assert sum(times for status, times in current.statuses.items() if status < 400) > len(corpus()) / 2


def test_a_round_is_the_same_under_the_same_seed() -> None:
    """The requests of a round depend on the seed and the number of the round alone."""
    rounds = [list(drawn(seed, number)) for seed, number in ((1, 0), (1, 0), (1, 1), (2, 0))]
    assert rounds[0] == rounds[1]
    assert len(rounds[0]) == PER_ROUND
    assert rounds[0] != rounds[2] != rounds[3] != rounds[0]
