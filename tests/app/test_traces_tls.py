"""Traces over TLS, as the variables of OpenTelemetry say; and what the log says of a collector that gets none."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.collector import WITHIN_S, Collector, collector, traced
from tests.app.test_traces import HOLD, LOG, client_of
from travio_inventory.app.service import running
from verification.kit.service_process import eventually
from verification.kit.trips import trip_of
from verification.servers.certificates import Certificates, make_certificates

__all__ = ["collector"]
SPANS_MAX, BATCH = 32, 16
CALLS = 100
NAMES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
"""In variables of OpenTelemetry: whom to trust, and what to show."""

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of another authority."""
    return make_certificates(tmp_path_factory.mktemp("others"))


@pytest.fixture
def protected(made: Certificates, others: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that admits only who shows a certificate of the same authority. The machine trusts others."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(others.authority))
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=made.authority)
    context.load_cert_chain(made.certificate, made.key)
    context.verify_mode = ssl.CERT_REQUIRED
    opened = Collector(context)
    yield opened
    opened.close()


def variables(monkeypatch: pytest.MonkeyPatch, *files: Path) -> None:
    for name, file in zip(NAMES, files, strict=False):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", str(file))


async def test_a_collector_gets_traces_over_tls_from_who_shows_a_certificate(
    protected: Collector, made: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables(monkeypatch, made.authority, made.certificate, made.key)
    async with running(traced(protected.address)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        await client.hold("t", "S0", "S1", ["seat-1"])
    assert len(protected.named(HOLD)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("another authority", "certificate verify failed"),
        ("no certificate", "Error: "),  # what of TLS comes first: the alert, or the end
        ("no file", "/nowhere/authority.pem"),
    ],
)
async def test_why_a_collector_gets_no_traces_is_said_once_and_calls_go_on(
    wrong: str,
    said: str,
    protected: Collector,
    made: Certificates,
    others: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = {
        "another authority": (others.authority, made.certificate, made.key),
        "no certificate": (made.authority,),
        "no file": (Path("/nowhere/authority.pem"), made.certificate, made.key),
    }
    variables(monkeypatch, *files[wrong])
    caplog.set_level(logging.INFO, LOG)
    async with running(traced(protected.address)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))

        async def is_said() -> bool:
            await client.trip("t")
            return bool(lines(caplog))

        await eventually(is_said, within_s=WITHIN_S)
        await client.hold("t", "S0", "S1", ["seat-1"])
    [line] = lines(caplog)
    assert line.startswith(f"the collector of traces at {protected.address} is down: spans are lost: ")
    assert said in line
    assert protected.spans == []


async def test_while_a_collector_does_not_answer_no_more_spans_are_kept_than_the_queue_has_room_for(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is lost. What is kept arrives when it answers again."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", str(SPANS_MAX))
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(WITHIN_S))
    collector.go_on.clear()
    async with running(traced(collector.address)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        for _ in range(CALLS):
            await client.trip("t")
        collector.go_on.set()

        async def has_some() -> bool:
            return len(collector.spans) >= SPANS_MAX

        await eventually(has_some, within_s=WITHIN_S)
    assert len(collector.spans) < CALLS


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOG]
