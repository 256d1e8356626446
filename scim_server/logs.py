"""Logs on standard output: one JSON object a line, or lines for a person at a terminal."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_STRUCTURED = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    # Without the local variables of the frames: they hold people and secrets.
    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    structlog.processors.JSONRenderer(serializer=orjson.dumps),
)


def configure_logging(log_format: str) -> None:
    """Write logs as ``json`` or as ``text``."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            *((structlog.processors.TimeStamper(fmt="%H:%M:%S"), _line) if log_format == "text" else _STRUCTURED),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )


def _line(_logger: Any, _name: str, fields: MutableMapping[str, Any]) -> bytes:
    """Return an event as a line; of a request, what a person who watches wants to see."""
    time, event, level = fields.pop("timestamp"), fields.pop("event"), fields.pop("level")
    failure = fields.pop("exc_info", None)
    if event == "request":
        words = [fields["method"], fields["route"] or "(no route)", fields["status"], f"{fields['duration_ms']} ms"]
        words += [f"{name} ×{count}" for name, count in fields.get("leniences", {}).items()]
    else:
        words = [level, event, *(f"{name}={value}" for name, value in fields.items())]
    line = " ".join(map(str, (time, *words)))
    if isinstance(failure, BaseException):
        line += "\n" + "".join(traceback.format_exception(failure)).rstrip()
    return line.encode()
