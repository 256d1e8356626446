"""Shows a report on the terminal, and writes it as JSON or Markdown; `page` writes it as HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from conformance.findings import HEADINGS, Evidence, Finding, Part, Report, grouped, tally
from conformance.page import html_page
from conformance.summary import summary

PARTS: dict[Part, str] = {"rfc": "RFC sections", "clients": "Clients"}
WRITERS = (".json", ".md", ".html")


def print_line(console: Console, finding: Finding) -> None:
    """Print one outcome on one line."""
    sort = f"{finding.outcome} ({finding.level})" if finding.outcome == "failed" else finding.outcome
    timing = f"{finding.requests} requests, {finding.seconds:.2f} s" if finding.requests else finding.reason
    _say(console, f"{sort:16} {finding.id:52} {timing}".rstrip())


def print_report(console: Console, report: Report) -> None:
    """Print each failure, what was slow, and a table by section and by client."""
    for finding in report.findings:
        for line in failure_lines(finding):
            _say(console, line)
    for line in report.slow:
        _say(console, line)
    console.print(_table(report))


def _table(report: Report) -> Table:
    profile = f", profile {report.profile}" if report.profile else ""
    table = Table(title=f"SCIM conformance of {report.url}{profile}", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for part in PARTS:
        groups = grouped(report.findings, part)
        for title, findings in groups:
            table.add_row(title, *tally(findings).cells())
        if len(groups) > 1:
            table.add_section()
            table.add_row(f"{PARTS[part]}, sum", *tally(_of(report, part)).cells())
            table.add_section()
    return table


def failure_lines(finding: Finding) -> list[str]:
    """Tell a failure: the rule and its section, what is wrong, what was sent and what came back."""
    if finding.outcome != "failed":
        return []
    lines = ["", f"FAILED ({finding.level}) {finding.id}: {finding.title} ({finding.reference})"]
    for one in finding.evidence:
        lines += [f"  {line}" for line in one.what.splitlines()]
        lines += [f"  > {line}" for line in one.request.splitlines()]
        lines += [f"  < {line}" for line in one.response.splitlines()]
    return lines


def write_report(path: Path, report: Report) -> None:
    """Write a report in the form its file name asks for."""
    if path.suffix == ".md":
        path.write_text("\n".join(_markdown(report)) + "\n", encoding="utf-8")
    elif path.suffix == ".html":
        path.write_text(html_page(report), encoding="utf-8")
    else:
        path.write_bytes(orjson.dumps(_document(report), option=orjson.OPT_INDENT_2))


def _document(report: Report) -> dict[str, object]:
    return {
        "url": report.url,
        "profile": report.profile,
        "at": report.at.isoformat(timespec="seconds"),
        "serviceProviderConfig": report.config,
        "sums": {part: asdict(tally(_of(report, part))) for part in PARTS},
        "findings": [
            {**asdict(finding), "evidence": [asdict(e) for e in finding.evidence]} for finding in report.findings
        ],
        "slow": report.slow,
    }


def _markdown(report: Report) -> Iterator[str]:
    yield "# SCIM conformance\n"
    for name, value in summary(report):
        yield f"- {name}: {_inline(value)}"
    for part, heading in PARTS.items():
        groups = grouped(report.findings, part)
        if not groups:
            continue
        yield f"\n## {heading}\n"
        yield f"| | {' | '.join(HEADINGS)} |"
        yield "|---|" + "---:|" * len(HEADINGS)
        for title, findings in [*groups, ("**sum**", _of(report, part))]:
            yield f"| {title} | {' | '.join(tally(findings).cells())} |"
    failed = [finding for finding in report.findings if finding.outcome == "failed"]
    if failed:
        yield "\n## Failures"
    for finding in failed:
        yield f"\n### {finding.id} ({finding.level})\n"
        yield f"{_inline(finding.title)} ({_inline(finding.reference)})"
        for one in finding.evidence:
            yield from _fenced(one)


def _fenced(evidence: Evidence) -> Iterator[str]:
    yield "\n" + _inline(evidence.what.replace("\n", "; "))
    for text in (evidence.request, evidence.response):
        fence = "```"
        while fence in text:
            fence += "`"
        if text:
            yield f"\n{fence}http\n{text}\n{fence}"


def _inline(text: str) -> str:
    """Text that no Markdown or HTML inside it can take over."""
    for special in "\\`*_[]<>|#":
        text = text.replace(special, f"\\{special}")
    return text


def _of(report: Report, part: Part) -> Sequence[Finding]:
    return [finding for finding in report.findings if finding.part == part]


def _say(console: Console, text: str) -> None:
    """Print text as it is: neither markup nor wrapping nor highlighting."""
    console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)
