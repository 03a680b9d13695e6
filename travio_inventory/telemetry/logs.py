"""Log lines as text or JSON: one line per record, and no value can forge another line.

Everything logs by `logging`; structlog writes the lines of JSON (docs/decisions/0082).
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from travio_inventory.kernel.trace_context import CURRENT

CONTROL_ESCAPES = {
    code: repr(chr(code))[1:-1]
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}
"""What ends a line, moves the cursor or turns the direction of writing, as Python writes it in a string."""

LOG_TOO_MUCH = ("cassandra", "aiokafka")
"""Libraries that log a server that is down thousands of times; what uses them logs it once."""

ABOUT = ("trip", "hold")
"""What a line may be about: `log.error(..., extra={"trip": ...})`."""
SHOW_HEADERS = ("hpack", "httpcore", "websockets")
"""Libraries whose DEBUG lines show what is in headers: tokens, for one."""


class LogLines(logging.StreamHandler[TextIO]):
    """Writes lines, and counts them by level."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.counts = dict.fromkeys(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), 0)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line."""
        self.counts[record.levelname] = self.counts.get(record.levelname, 0) + 1
        super().emit(record)


def set_up_logs(
    *, level: str, form: Literal["text", "json"], stream: TextIO | None = None, worker: int = 0
) -> LogLines:
    """Log from `level` on, in that form and to that stream (standard error), and nowhere else. `worker` is the number
    of the process among those of one service.
    """
    handler = LogLines(stream or sys.stderr)
    handler.setFormatter(_json_lines(worker) if form == "json" else TextLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in LOG_TOO_MUCH:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.CRITICAL)
    for name in SHOW_HEADERS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each request that we make
    return handler


class TextLine(logging.Formatter):
    """`2026-01-31T23:59:59.123Z INFO    [pid] logger: message`; the lines of a traceback begin with " | "."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, and its traceback below."""
        about = ", ".join(f"{name} {value}" for name, value in _about(record).items())
        said = escaped(f"{record.getMessage()} ({about})" if about else record.getMessage())
        head = f"{_moment(record)} {record.levelname:<7} [{record.process}] {record.name}: {said}"
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([head, *(f" | {escaped(line)}" for line in trace.split("\n") if trace)])


def _json_lines(worker: int) -> logging.Formatter:
    """One JSON object of ASCII per line: at, level, pid, worker, logger, message; and trip, hold, trace_id, span_id and
    traceback where there are any.
    """
    import structlog  # noqa: PLC0415 - a sixteenth of a second, and lines of text do without

    def named(_logger: object, _method: str, line: Mapping[str, Any]) -> dict[str, Any]:
        record, traceback = line["_record"], line.get("exception")
        return {
            "at": _moment(record),
            "level": record.levelname,
            "pid": record.process,
            "worker": worker,
            "logger": record.name,
            "message": line["event"],
            **_about(record),
            **({"traceback": traceback} if traceback else {}),
        }

    processors = structlog.processors
    return structlog.stdlib.ProcessorFormatter(
        processors=[processors.format_exc_info, named, processors.JSONRenderer()]
    )


def _about(record: logging.LogRecord) -> dict[str, str]:
    """The trip and the hold that the line is about, and the trace that it belongs to, as far as there are any."""
    found = {name: str(vars(record)[name]) for name in ABOUT if vars(record).get(name)}
    if (trace := CURRENT.get()) is not None:
        found |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return found


def escaped(text: str) -> str:
    """The text with every control character written out."""
    return text.translate(CONTROL_ESCAPES)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
