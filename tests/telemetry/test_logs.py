"""Log lines: one for each record, whatever its content, and not too many of the same."""

import io
import json
import logging
import os
from collections.abc import Iterator
from typing import Literal

import pytest

from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.telemetry.logs import LOG_TOO_MUCH, set_up_logs

FORGED = "t1\n2026-01-01T00:00:00.000Z INFO    travio_inventory.app: ready\r\x1b[2K\u2028\x85\u202e"
log = logging.getLogger("travio_inventory.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The stream of the logs during a test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield io.StringIO()
    root.handlers, root.level = handlers, level


def lines(stream: io.StringIO) -> list[str]:
    """What a terminal or a log shipper takes for lines."""
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_can_forge_a_line(stream: io.StringIO, form: Literal["text", "json"]) -> None:
    set_up_logs(level="INFO", form=form, stream=stream)
    log.info("trip %s", FORGED)
    assert len(lines(stream)) == 1
    assert lines(stream)[0].isprintable()


def test_a_text_line_says_when_how_severe_who_and_what(stream: io.StringIO) -> None:
    set_up_logs(level="INFO", form="text", stream=stream)
    log.warning("trip %s of %s", "t\n1", "acme")
    moment, rest = lines(stream)[0].split(" ", 1)
    assert len(moment) == len("2026-01-31T23:59:59.123Z")
    assert rest == f"WARNING [{os.getpid()}] travio_inventory.test: trip t\\n1 of acme"


def test_a_json_line_says_the_same(stream: io.StringIO) -> None:
    set_up_logs(level="INFO", form="json", stream=stream)
    log.warning("trip %s", "t\n1")
    line = json.loads(lines(stream)[0])
    assert line.pop("at").endswith("Z")
    named = {"level": "WARNING", "pid": os.getpid(), "worker": 0, "logger": "travio_inventory.test"}
    assert line == {**named, "message": "trip t\n1"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_names_its_trip_hold_trace_and_process(stream: io.StringIO, form: Literal["text", "json"]) -> None:
    set_up_logs(level="INFO", form=form, stream=stream, worker=2)
    token = CURRENT.set(TraceParent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=False))
    try:
        log.error("failed", extra={"trip": "t\n1", "hold": "h"})
    finally:
        CURRENT.reset(token)
    (line,) = lines(stream)
    if form == "text":
        said = "failed (trip t\\n1, hold h, trace_id 0af7651916cd43dd8448eb211c80319c, span_id b7ad6b7169203331)"
        assert line.endswith(said)
        return
    assert json.loads(line).items() > {
        "worker": 2, "trip": "t\n1", "hold": "h",
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
    }.items()  # fmt: skip


def test_lines_are_counted_by_level(stream: io.StringIO) -> None:
    counts = set_up_logs(level="INFO", form="text", stream=stream).counts
    log.warning("one")
    log.debug("not logged")
    log.warning("two")
    assert {level: count for level, count in counts.items() if count} == {"WARNING": 2}


@pytest.mark.parametrize("name", ["hpack.hpack", "httpcore.http11", "websockets.server", "httpx"])
def test_what_libraries_say_of_headers_and_requests_is_not_logged(stream: io.StringIO, name: str) -> None:
    set_up_logs(level="DEBUG", form="text", stream=stream)
    logging.getLogger(name).debug("authorization: Bearer token")
    assert lines(stream) == []
    logging.getLogger(name).warning("a server is down")
    assert len(lines(stream)) == 1


def failed() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")


def test_no_line_of_a_traceback_can_pass_for_a_record(stream: io.StringIO) -> None:
    set_up_logs(level="INFO", form="text", stream=stream)
    failed()
    first, *trace = lines(stream)
    assert first.endswith("failed")
    assert len(trace) > 3
    assert all(line.startswith(" | ") and line.isprintable() for line in trace)


def test_a_traceback_stays_within_its_json_line(stream: io.StringIO) -> None:
    set_up_logs(level="INFO", form="json", stream=stream)
    failed()
    (line,) = lines(stream)
    assert "ValueError: t1" in json.loads(line)["traceback"]


def test_what_is_less_severe_is_not_logged(stream: io.StringIO) -> None:
    set_up_logs(level="WARNING", form="text", stream=stream)
    log.info("nothing to see")
    log.warning("something")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("library", LOG_TOO_MUCH)
@pytest.mark.parametrize(("level", "lines_of_the_library"), [("INFO", 0), ("WARNING", 0), ("DEBUG", 1)])
def test_a_library_that_logs_each_failing_request_speaks_at_debug_only(
    stream: io.StringIO, library: str, level: Literal["INFO", "WARNING", "DEBUG"], lines_of_the_library: int
) -> None:
    set_up_logs(level=level, form="text", stream=stream)
    logging.getLogger(f"{library}.client").error("Unable to connect")
    assert len(lines(stream)) == lines_of_the_library


def test_setting_up_again_replaces_the_first(stream: io.StringIO) -> None:
    set_up_logs(level="INFO", form="text", stream=stream)
    set_up_logs(level="INFO", form="text", stream=stream)
    log.info("once")
    assert len(lines(stream)) == 1
