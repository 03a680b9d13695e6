"""Sends spans to the collector of traces. One that cannot be reached is one line in the log, which says why."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.telemetry.outages import Outages

PROVIDER = "CREDENTIAL_PROVIDER"
"""In the name of a variable by which the library makes sessions of its own."""

log = logging.getLogger(__name__)


def exporter_to(endpoint: str) -> SpanExporter:
    """To the collector at that base address. How it is reached, the variables of OpenTelemetry say."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # an outage is told once, below
    session = None if any(PROVIDER in name for name in os.environ) else _Session()
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", session=session)
    return ToldExporter(exporter, endpoint, session)


class _Session(requests.Session):
    """Knows why its last request failed, of which the exporter says nothing. Whom the exporter was told to trust, it
    trusts, whatever REQUESTS_CA_BUNDLE says, which would count more.
    """

    why = ""

    def request(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        """See the library."""
        try:
            answer = super().request(*args, **{"verify": self.verify, **kwargs})
        except Exception as failed:
            self.why = _innermost(failed)
            raise
        self.why = f"it answers {answer.status_code} {answer.reason}"
        return answer


class ToldExporter(SpanExporter):
    """Exports by another one, in the thread of the processor, and logs an outage once, not each batch."""

    def __init__(self, exporter: SpanExporter, endpoint: str, session: _Session | None) -> None:
        self._exporter = exporter
        self._session = session
        self._outages = Outages(log, f"the collector of traces at {endpoint}")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; those that cannot be sent are lost."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outages.came()
        else:
            self._outages.went(f"spans are lost: {self._session.why}" if self._session else "spans are lost")
            self._outages.missed()
            self._outages.look()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _innermost(failed: BaseException) -> str:
    """What the system or TLS said, without what the libraries wrap around it."""
    inner = getattr(failed, "reason", None) or next(iter(failed.args), None)
    return _innermost(inner) if isinstance(inner, BaseException) else error_in_words(failed)
