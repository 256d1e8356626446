"""The head of a report: which server was looked at, when, and what it announces."""

from conformance.findings import Report
from conformance.rfc.answers import pick

FEATURES = ("patch", "bulk", "filter", "sort", "etag", "changePassword")


def summary(report: Report) -> list[tuple[str, str]]:
    """Names and values, for people."""
    config = report.config
    lines = [
        ("Server", report.url),
        ("Date", report.at.strftime("%Y-%m-%d %H:%M UTC")),
        ("Profile", report.profile or "not given"),
        ("Announced", ", ".join(_feature(config, name) for name in FEATURES if _supported(config, name)) or "nothing"),
        ("Not announced", ", ".join(name for name in FEATURES if not _supported(config, name)) or "nothing"),
    ]
    pagination = pick(config, "pagination")
    if isinstance(pagination, dict):
        told = [f"{name} {str(value).lower()}" for name, value in pagination.items()]
        lines.append(("Pagination", ", ".join(told)))
    schemes = pick(config, "authenticationSchemes")
    names = [str(pick(one, "name")) for one in schemes] if isinstance(schemes, list) else []
    return [*lines, ("Authentication", ", ".join(names) or "not announced")]


def _supported(config: object, name: str) -> bool:
    return pick(config, name, "supported") is True


def _feature(config: object, name: str) -> str:
    if name == "bulk":
        operations, size = pick(config, "bulk.maxOperations"), pick(config, "bulk.maxPayloadSize")
        return f"bulk (at most {operations} operations, {size} bytes)"
    if name == "filter":
        return f"filter (at most {pick(config, 'filter.maxResults')} results)"
    return name
