"""Writes a report as one HTML page that needs nothing but itself."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from conformance.findings import HEADINGS, Evidence, Finding, Part, Report, grouped, tally
from conformance.summary import summary

STYLE = Path(__file__).parent / "page.css"
PARTS: tuple[tuple[Part, str, str], ...] = (("rfc", "RFC sections", "checks"), ("clients", "Clients", "scenarios"))
MARKS = {"passed": "✓", "not announced": "–", "failed": "✗"}


def html_page(report: Report) -> str:
    """The whole page."""
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>SCIM conformance of {escape(report.url)}</title>\n",
            f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n<main>\n",
            *_head(report),
            *(piece for part, title, noun in PARTS for piece in _matrix(report, part, title, noun)),
            *_failures(report),
            *(piece for part, title, _ in PARTS for piece in _details(report, part, title)),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _head(report: Report) -> Iterator[str]:
    broken = sum(finding.breaks for finding in report.findings)
    verdict = f"{broken} must or should failed" if broken else "Every must and should that was looked at passed"
    yield f'<header>\n<h1>SCIM conformance</h1>\n<p class="verdict {"bad" if broken else "good"}">{verdict}</p>\n<dl>\n'
    for name, value in summary(report):
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n"
    yield "</dl>\n</header>\n"


def _matrix(report: Report, part: Part, title: str, noun: str) -> Iterator[str]:
    groups = grouped(report.findings, part)
    if not groups:
        return
    findings = [finding for _, group in groups for finding in group]
    count = tally(findings)
    yield f"<section>\n<h2>{title}</h2>\n<p>{count.passed} of {count.total} {noun} passed.</p>\n"
    yield '<table class="matrix">\n<thead><tr><th scope="col"></th><th scope="col">each</th>'
    yield "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS) + "</tr></thead>\n<tbody>\n"
    for name, group in groups:
        yield f'<tr><th scope="row"><a href="#{part}-{_anchor(group[0].group)}">{escape(name)}</a></th>'
        yield f'<td class="strip">{"".join(map(_square, group))}</td>{_cells(group)}</tr>\n'
    yield f'</tbody>\n<tfoot><tr><th scope="row">sum</th><td></td>{_cells(findings)}</tr></tfoot>\n'
    yield "</table>\n</section>\n"


def _cells(findings: Sequence[Finding]) -> str:
    cells = tally(findings).cells()
    kinds = ("", "", "must", "should", "may", "")
    return "".join(
        f'<td class="{kind if cell != "-" else "none"}">{cell}</td>' for cell, kind in zip(cells, kinds, strict=True)
    )


def _square(finding: Finding) -> str:
    label = f"{finding.id}: {finding.outcome}" + (f" ({finding.level})" if finding.outcome == "failed" else "")
    mark = MARKS[finding.outcome]
    return f'<a class="square {_kind(finding)}" href="#{_anchor(finding.id)}" title="{escape(label)}">{mark}</a>'


def _failures(report: Report) -> Iterator[str]:
    failed = [finding for finding in report.findings if finding.outcome == "failed"]
    if not failed:
        return
    yield "<section>\n<h2>Failures</h2>\n"
    for finding in failed:
        yield f'<article id="{_anchor(finding.id)}" class="{_kind(finding)}">\n'
        yield f'<h3><span class="badge {_kind(finding)}">{finding.level}</span> '
        yield f"<code>{escape(finding.id)}</code></h3>\n<p>{_rule(finding)}</p>\n"
        for one in finding.evidence:
            yield from _evidence(one)
        yield "</article>\n"
    yield "</section>\n"


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield f'<p class="what">{escape(evidence.what)}</p>\n'
    if not evidence.request:
        return
    yield "<details>\n<summary>Request and response</summary>\n"
    if evidence.before:
        lines = "\n".join(evidence.before)
        yield f"<h4>Before</h4>\n<pre>{escape(lines)}</pre>\n"
    yield f"<h4>Request</h4>\n<pre>{escape(evidence.request)}</pre>\n"
    yield f"<h4>Response</h4>\n<pre>{escape(evidence.response)}</pre>\n</details>\n"


def _details(report: Report, part: Part, title: str) -> Iterator[str]:
    groups = grouped(report.findings, part)
    if not groups:
        return
    yield f"<section>\n<h2>{title} in detail</h2>\n"
    for name, group in groups:
        yield f'<details id="{part}-{_anchor(group[0].group)}">\n<summary>{escape(name)}</summary>\n'
        yield '<table class="list">\n<tbody>\n'
        for finding in group:
            yield from _row(finding)
        yield "</tbody>\n</table>\n</details>\n"
    yield "</section>\n"


def _row(finding: Finding) -> Iterator[str]:
    failed = finding.outcome == "failed"
    link = f'<a href="#{_anchor(finding.id)}">' if failed else f'<a id="{_anchor(finding.id)}">'
    yield f'<tr><td><span class="badge {_kind(finding)}">{MARKS[finding.outcome]} {finding.outcome}</span></td>'
    yield f"<td>{finding.level}</td><td>{link}<code>{escape(finding.id)}</code></a></td>"
    missing = f' <em class="missing">{escape(finding.reason)}</em>' if finding.outcome == "not announced" else ""
    yield f"<td>{_rule(finding)}{missing}</td></tr>\n"


def _rule(finding: Finding) -> str:
    return f'{escape(finding.title)} <span class="reference">{escape(finding.reference)}</span>'


def _kind(finding: Finding) -> str:
    return finding.level if finding.outcome == "failed" else finding.outcome.replace(" ", "-")


def _anchor(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text)
