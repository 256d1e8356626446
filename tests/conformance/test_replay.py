"""The rules of replaying, against a small real HTTP server on loopback."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.__main__ import main
from conformance.exchange import ExchangeError, Sent, Wire
from conformance.findings import from_scenario
from conformance.replay import Result, Server, announced_features, replay
from conformance.report import failure_lines
from conformance.scenario import Scenario, read

Seen = tuple[str, list[tuple[str, str]], bytes]


class Recorder(ThreadingHTTPServer):
    """Records requests and gives prepared answers."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on any free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Seen] = []
        self.connections = 0
        self.hang_up = False
        self.answers: list[tuple[int, bytes]] = []
        self.answer: tuple[int, bytes] = (200, b'{"id": "42", "totalResults": 0}')

    @property
    def base(self) -> str:
        """The base URL of this server."""
        return f"http://127.0.0.1:{self.server_address[1]}/scim/v2"


class Handler(BaseHTTPRequestHandler):
    """Answers any method with the next prepared answer; status 0 closes the connection instead."""

    protocol_version = "HTTP/1.1"
    server: Recorder

    def setup(self) -> None:
        """Count the connections."""
        self.server.connections += 1
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep silent."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.requestline, self.headers.items(), body))
        status, content = self.server.answers.pop(0) if self.server.answers else self.server.answer
        if not status:
            self.close_connection = True
            return
        self.close_connection = self.server.hang_up
        self.send_response_only(status)
        self.send_header("Content-Type", "application/scim+json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


@pytest.fixture
def server() -> Iterator[Recorder]:
    """Run a recording server for one test."""
    with Recorder() as recorder:
        thread = Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield recorder
        recorder.shutdown()
        thread.join()


Run = Callable[..., Result]


@pytest.fixture
def run(server: Recorder) -> Run:
    """Give a function that replays steps against the recording server."""

    def replay_steps(*steps: dict[str, Any], **keys: Any) -> Result:
        with Wire(timeout=5) as wire:
            return replay(scenario_of(*steps, **keys), Server(server.base, "sesame-42"), wire)

    return replay_steps


def scenario_of(*steps: dict[str, Any], **keys: Any) -> Scenario:
    """Build a scenario from its steps."""
    document = {"client": "edge", "name": "n", "source": "s", "level": "must", "steps": list(steps), **keys}
    return read(document, "edge", "x", "edge/x.json")


def step(method: str = "GET", path: str = "/Users", status: int = 200, **keys: Any) -> dict[str, Any]:
    """Build a step; `request` and `expect` are merged into the plain ones."""
    request = {"method": method, "path": path, **keys.pop("request", {})}
    return {"request": request, "expect": {"status": [status], **keys.pop("expect", {})}, **keys}


def test_a_request_goes_on_the_wire_exactly_as_written(server: Recorder, run: Run) -> None:
    """Neither path nor headers are re-encoded, and nothing is added but Host."""
    path = "//Users?filter=userName+eq+%22a%5c%27${run}%22&x=[1](2)%2e%2E/;&"
    headers = {"Authorization": "Bearer ${token}", "User-Agent": "", "X-Null": None, "accept": "*/*"}
    result = run(step(path=path, request={"headers": headers}))
    line, sent, body = server.seen[0]
    drawn = line.split("%27")[1][:8]
    assert result.outcome == "passed"
    assert line == f"GET /scim/v2{path.replace('${run}', drawn)} HTTP/1.1"
    assert sent == [
        ("Host", server.base.split("/")[2]),
        ("Authorization", "Bearer sesame-42"),
        ("User-Agent", ""),
        ("accept", "*/*"),
    ]
    assert body == b""


def test_a_body_has_a_length_and_only_the_given_content_type(server: Recorder, run: Run) -> None:
    """JSON, raw and form bodies are sent as they are; an empty one announces its length."""
    run(
        step("POST", request={"body": {"displayName": "é", "x": None}}),
        step("POST", request={"raw_body": "{", "headers": {"Content-Type": "text/plain"}}),
        step("POST", request={"form": {"a": "1 2", "b": "&"}}),
        step("POST", request={"raw_body": ""}),
        step("PUT"),
        step("DELETE"),
    )
    bodies = [body for _, _, body in server.seen]
    assert bodies == ['{"displayName":"é","x":null}'.encode(), b"{", b"a=1+2&b=%26", b"", b"", b""]
    lengths = [dict(headers).get("Content-Length") for _, headers, _ in server.seen]
    assert lengths == ["29", "1", "11", "0", "0", None]
    assert [dict(headers).get("Content-Type") for _, headers, _ in server.seen].count("text/plain") == 1


def test_one_connection_is_kept_alive(server: Recorder, run: Run) -> None:
    """All requests of a scenario share a connection."""
    run(step(repeat=20))
    assert len(server.seen) == 20
    assert server.connections == 1


def test_a_connection_the_server_closed_meanwhile_is_opened_again(server: Recorder) -> None:
    """Closing an idle connection is a server's right, and no failure of the next request."""
    server.hang_up = True
    with Wire() as wire:
        for _ in range(2):
            assert wire.send(Sent("GET", server.base, (), None)).status == 200
            time.sleep(0.1)
    assert server.connections == 2


def test_a_repetition_stops_at_its_first_failure(server: Recorder, run: Run) -> None:
    """A thousand equal failures tell no more than one."""
    assert len(run(step(status=201, repeat=1000)).failures) == 1
    assert len(server.seen) == 1


def test_a_repeated_step_counts_and_appends(server: Recorder, run: Run) -> None:
    """`${i}` counts from 0 and a name ending in [] grows."""
    run(
        step("POST", repeat=2, request={"body": {"userName": "u${i}"}}, save={"m[]": "$.id"}),
        step("PATCH", request={"body": {"members": [{"$each": "m", "item": {"value": "${item}"}}]}}),
    )
    bodies = [json.loads(body) for _, _, body in server.seen]
    assert bodies == [{"userName": "u0"}, {"userName": "u1"}, {"members": [{"value": "42"}, {"value": "42"}]}]


def test_a_204_skips_json_assertions(server: Recorder, run: Run) -> None:
    """An answer without content passes when 204 is allowed, and is a wrong status when it is not."""
    server.answer = (204, b"")
    expect = {"status": [200, 204], "json": {"$.active": False}}
    assert run(step("PATCH", expect=expect)).outcome == "passed"
    assert run(step("PATCH", expect={"json": {"$.active": False}})).outcome == "failed"


@pytest.mark.parametrize(
    "expect",
    [
        {"status": [201]},
        {"json": {"$.id": "43"}},
        {"json": {"$.totalResults": {"$gte": 1}}},
        {"headers": {"content-type": "^text/"}},
        {"headers": {"etag": "."}},
        {"body_contains": ["nowhere"]},
        {"body_not_contains": ["totalResults"]},
        {"empty_body": True},
    ],
)
def test_every_kind_of_expectation_can_fail(run: Run, expect: dict[str, Any]) -> None:
    """The checks can fail: each kind does when the answer is another one."""
    result = run(step(expect=expect))
    assert result.outcome == "failed"
    assert len(result.failures[0].mismatches) == 1


def test_a_slow_answer_is_reported_and_passes(run: Run) -> None:
    """`max_ms` never fails a scenario."""
    result = run(step(expect={"max_ms": 0}))
    assert result.outcome == "passed"
    assert result.slow[0].max_ms == 0


def test_a_failing_step_with_save_ends_its_scenario(server: Recorder, run: Run) -> None:
    """What follows would only fail for want of the value; other failures let the scenario go on."""
    run(step(status=201), step(), step(status=201, save={"a": "$.id"}), step())
    assert len(server.seen) == 3


def test_a_value_that_cannot_be_saved_is_a_failure(run: Run) -> None:
    """A 200 without the id is as bad as no answer."""
    assert run(step(save={"a": "$.nobody"})).outcome == "failed"


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b"\xff"), (0, b"")])
def test_trouble_with_an_answer_is_a_failure_of_its_step(server: Recorder, run: Run, answer: tuple[int, bytes]) -> None:
    """Invalid JSON and a closed connection never raise, and the next step finds a fresh connection."""
    server.answers = [answer]
    result = run(step(expect={"json": {"$.id": "42"}}), step(expect={"json": {"$.id": "42"}}))
    assert [failure.step for failure in result.failures] == [0]


def test_a_saved_value_that_no_header_can_carry_is_a_failure_of_its_step(server: Recorder, run: Run) -> None:
    """A line break in a value is not smuggled into a request, and leaves no half-used connection."""
    server.answers = [(200, json.dumps({"id": "a\r\nX: y"}).encode())]
    result = run(
        step(save={"v": "$.id"}),
        step(request={"headers": {"If-Match": "${v}"}}),
        step(path="/a/${v}"),
        step(path="/b"),
    )
    assert [failure.step for failure in result.failures] == [1, 2]
    assert [line for line, _, _ in server.seen][1:] == ["GET /scim/v2/b HTTP/1.1"]


def test_features_are_announced_by_the_server(server: Recorder) -> None:
    """Bulk and sort by ServiceProviderConfig, search by not refusing, oauth by the command line."""
    with Wire() as wire:
        server.answers = [(200, b'{"bulk": {"supported": true}, "sort": {"supported": "yes"}}'), (200, b"{}")]
        assert announced_features(Server(server.base, "t"), wire) == {"bulk", "search"}
        server.answers = [(200, b"<html>"), (501, b"")]
        assert announced_features(Server(server.base, "t", "http://x/token"), wire) == {"oauth"}


def test_a_failure_is_told_without_secrets(server: Recorder, run: Run) -> None:
    """What was sent and received is shown; the token, wherever it appears, is not."""
    server.answer = (400, json.dumps({"detail": "no sesame-42", "x": "y" * 9000}).encode())
    headers = {"Authorization": "Bearer ${token}", "If-Match": "1"}
    result = run(step("POST", comment="why", request={"headers": headers, "body": {"userName": "ann"}}))
    told = "\n".join(failure_lines(from_scenario(result, ["sesame-42"])))
    assert "sesame-42" not in told
    assert len(told) < 4000
    for part in (
        "why",
        "expected [200]",
        "got 400",
        "Authorization: Bearer ***",
        "If-Match: 1",
        '"ann"',
        "< 400",
    ):
        assert part in told


def test_the_command_replays_what_was_chosen(server: Recorder) -> None:
    """Options pick by client, name and level; a table and the failures are printed."""
    options = ["--url", server.base, "--token", "sesame-42", "--client", "jumpcloud", "--level", "must"]
    outcome = CliRunner().invoke(main, [*options, "--scenario", "01-*", "--verbose"])
    assert outcome.exit_code == 1
    assert "failed (must)    jumpcloud/01-activate" in outcome.output
    assert "sesame-42" not in outcome.output
    assert [line.split()[1] for line, _, _ in server.seen[-2:]] == ["/scim/v2/Users", "/scim/v2/Groups"]


def test_clients_may_have_a_token_of_their_own(server: Recorder) -> None:
    """--client-token is for the scenarios, --token for everything else, and neither is printed."""
    tokens = ["--token", "sesame-42", "--client-token", "thyme-43"]
    outcome = CliRunner().invoke(main, ["--url", server.base, *tokens, "--scenario", "jumpcloud/01-*"])
    sent = [dict(headers)["Authorization"] for _, headers, _ in server.seen]
    assert sent[0] == "Bearer sesame-42"
    assert sent[-2:] == ["Bearer thyme-43", "Bearer thyme-43"]
    assert "thyme-43" not in outcome.output


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--url", "ftp://x", "--token", "t"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t", "--client", "nobody"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t", "--scenario", "nothing"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t", "--section", "nothing"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t", "--report", "out.txt"],
        ["--url", "http://127.0.0.1:1/v2", "--token", "t", "--only", "rfc", "--client", "okta"],
    ],
)
def test_wrong_usage_and_an_unreachable_server_exit_with_2(options: list[str]) -> None:
    """Nothing was replayed, which is neither success nor failure."""
    assert CliRunner().invoke(main, options).exit_code == 2


def test_a_level_leaves_out_what_is_less(server: Recorder) -> None:
    """The one scenario of rippling is a may: with --level should nothing is left, which is wrong usage."""
    options = ["--url", server.base, "--token", "t", "--client", "rippling", "--level", "should"]
    outcome = CliRunner().invoke(main, options)
    assert outcome.exit_code == 2
    assert "no check and no scenario is left" in outcome.output


def test_a_refused_token_exits_with_2(server: Recorder) -> None:
    """A wrong --token is told at once, not by a hundred failures."""
    server.answer = (401, b"{}")
    outcome = CliRunner().invoke(main, ["--url", server.base, "--token", "sesame-42"])
    assert outcome.exit_code == 2
    assert "token is refused" in outcome.output


def test_an_url_that_is_none_is_an_exchange_error() -> None:
    """A token endpoint such as `localhost` fails its step rather than the program."""
    with Wire() as wire, pytest.raises(ExchangeError):
        announced_features(Server("localhost", "t"), wire)
