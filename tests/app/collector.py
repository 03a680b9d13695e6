"""A real receiver of OTLP, which keeps the spans that it is sent; and a service that sends to it."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from travio_inventory.settings import Settings
from verification.kit.in_process import settings_of

WITHIN_S = 60


class Collector:
    """Keeps the spans that it is sent; while `go_on` is not set it answers nobody."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.go_on = threading.Event()
        self.go_on.set()
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.go_on.wait(WITHIN_S)
                collector.keep(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """It logs nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.address = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def keep(self, request: ExportTraceServiceRequest) -> None:
        """Keep what it says."""
        for of_resource in request.resource_spans:
            said = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            self.services.add(said["service.name"])
            for scope in of_resource.scope_spans:
                self.spans.extend(scope.spans)

    def named(self, name: str) -> list[Span]:
        """The spans of that name."""
        return [span for span in self.spans if span.name == name]

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    opened = Collector()
    yield opened
    opened.close()


def traced(endpoint: str, folder: Path | None = None, **changed: object) -> Settings:
    ports = {"http_host": "127.0.0.1", "http_port": 0}
    chosen = {"otel_exporter_otlp_endpoint": endpoint, "otel_traces_sampler": "parentbased_always_on"}
    return settings_of(folder, **ports | chosen | changed)
