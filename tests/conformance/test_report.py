"""The reports, from a run against a real server on loopback and from findings made up to be nasty."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from conformance.__main__ import exit_code, main
from conformance.findings import Evidence, Finding, Report, grouped, tally
from conformance.page import html_page
from conformance.report import WRITERS, failure_lines, write_report
from conformance.scenario import Level
from tests.conformance.peers import TOKEN, application

NASTY = '</pre><script>alert("x")</script> ```  | *a* `b`'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve scim2-server for the tests of this file."""
    server = make_server("127.0.0.1", 0, application(), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v2"
    server.shutdown()
    thread.join()
    server.server_close()


def run(url: str, *options: str) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, ["--url", url, "--token", TOKEN, *options], catch_exceptions=False)


def finding(level: Level = "must", outcome: str = "failed", part: str = "rfc", group: str = "filter") -> Finding:
    """A finding whose texts try to break out of their place."""
    evidence = (Evidence(NASTY, f"GET {NASTY}", f"200 {NASTY}", (NASTY,)),) if outcome == "failed" else ()
    return Finding(part, group, f"{group}.x", level, NASTY, NASTY, outcome, NASTY, evidence, 1, 0.1)  # type: ignore[arg-type]


def report(*findings: Finding) -> Report:
    """A report of findings about a server that announces nasty things."""
    config = {"bulk": {"supported": True, "maxOperations": NASTY}, "authenticationSchemes": [{"name": NASTY}]}
    return Report(f"http://x/{NASTY}", "rfc", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), config, findings)


def test_a_section_that_passes_exits_with_0(url: str) -> None:
    """The table counts the checks of the section asked for, and nothing else was run."""
    outcome = run(url, "--section", "read")
    assert outcome.exit_code == 0, outcome.output
    assert re.search(r"Reading +6 +6 ", outcome.output)
    assert "Filtering" not in outcome.output
    assert "okta" not in outcome.output


def test_a_failure_shows_rule_section_request_and_response(url: str) -> None:
    """Whoever reads it knows what the server did and what it should have done."""
    outcome = run(url, "--section", "create.required-empty")
    assert outcome.exit_code == 1
    for part in (
        "FAILED (must) create.required-empty: Each User MUST include a non-empty userName value (RFC 7643 §8.7.1",
        "status 400 expected, got 201",
        f"> POST {url}/Users",
        "> Authorization: Bearer ***",
        '"userName":""',
        "< 201",
    ):
        assert part in outcome.output


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_report_names_server_profile_and_findings_but_no_token(url: str, tmp_path: Path, suffix: str) -> None:
    """Each form holds what there is to say, and no secret."""
    path = tmp_path / f"out{suffix}"
    options = ["--section", "create", "--section", "me", "--section", "cursor", "--profile", "rfc"]
    assert run(url, *options, "--report", str(path), "--verbose").exit_code == 1
    text = path.read_text(encoding="utf-8")
    for part in (url, "rfc", "create.required-empty", "status 400 expected", "cursor", "filter"):
        assert part in text
    assert TOKEN not in text


def test_the_json_report_can_be_read_by_programs(url: str, tmp_path: Path) -> None:
    """Sums, the configuration, and each finding with its evidence."""
    path = tmp_path / "out.json"
    run(url, "--section", "create", "--section", "sort", "--report", str(path))
    document = json.loads(path.read_text())
    assert document["serviceProviderConfig"]["sort"] == {"supported": True}
    assert document["sums"]["rfc"]["failed"] == {"must": 1, "should": 0, "may": 0}
    failed = [one for one in document["findings"] if one["outcome"] == "failed"]
    assert [one["id"] for one in failed] == ["create.required-empty"]
    assert failed[0]["evidence"][0]["response"].startswith("201")


def test_a_part_can_be_left_out(url: str) -> None:
    """--only clients runs no check, and a check is chosen by a pattern."""
    outcome = run(url, "--only", "clients", "--client", "rippling")
    assert "rippling" in outcome.output
    assert "Reading" not in outcome.output
    assert re.search(r"Reading +1 ", run(url, "--only", "rfc", "--section", "read.kn*").output)


def test_a_wrong_token_exits_with_2(url: str) -> None:
    """Nothing can be said about a server that does not let one in."""
    outcome = CliRunner().invoke(main, ["--url", url, "--token", "wrong-token", "--only", "rfc"])
    assert outcome.exit_code == 2
    assert "token is refused" in outcome.output


def test_the_page_is_one_file_and_escapes_everything() -> None:
    """No script, style sheet, image or font from elsewhere, and no text that becomes markup."""
    findings = (
        finding(),
        finding("should", group="patch"),
        finding("may", part="clients", group=NASTY),
        finding(outcome="passed"),
    )
    page = html_page(report(*findings, finding(outcome="not announced")))
    assert "<script" not in page
    assert not re.search(r"<(link|img|iframe|object)\b|\bsrc=|@import|url\(", page)
    assert page.count("<pre>") == page.count("</pre>") > 0
    assert page.count("<details") == page.count("</details>")
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert all(re.fullmatch(r"[\w-]+", id) for id in ids)
    assert "light-dark(" in page


def test_each_square_leads_to_what_it_stands_for(url: str, tmp_path: Path) -> None:
    """Every link of the page has its target, each once."""
    path = tmp_path / "out.html"
    run(url, "--section", "create", "--section", "cursor", "--section", "read", "--report", str(path))
    page = path.read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


def test_markdown_cannot_be_broken_out_of(tmp_path: Path) -> None:
    """A body with a fence is fenced by a longer one, and no HTML is left in a line."""
    path = tmp_path / "out.md"
    write_report(path, report(finding(), finding("may", part="clients", group="edge")))
    text = path.read_text(encoding="utf-8")
    outside = re.sub(r"(?ms)^(`{4,})http$.*?^\1$", "", text)
    assert "````http" in text
    assert "<script" not in outside.replace("\\<script", "")


def test_counts_tell_levels_apart() -> None:
    """A failed may is counted apart and forgiven; what is not announced is no failure."""
    findings = [
        finding(),
        finding("should"),
        finding("may"),
        finding(outcome="passed"),
        finding(outcome="not announced"),
    ]
    assert tally(findings).cells() == ["5", "1", "1", "1", "1", "1"]
    assert exit_code(findings) == 1
    assert exit_code([finding("may"), finding(outcome="not announced")]) == 0
    assert [name for name, _ in grouped(findings, "rfc")] == ["Filtering"]
    assert grouped(findings, "clients") == []


def test_what_passed_has_no_failure_lines() -> None:
    """Only failures are told on the terminal."""
    assert failure_lines(finding(outcome="passed")) == []
    assert len(failure_lines(finding())) > 3
