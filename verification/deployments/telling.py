"""What metrics that are scraped and traces at one in a hundred cost: a service with both, and one without, in turns."""

import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from travio_inventory.bench.free_ports import free_port

WORKS = ("refusals", "holds")
ROUNDS = 21
SECONDS = 1.5
SCRAPED_EVERY_S = 5.0
LOCAL = "127.0.0.1"


class _Receiver(BaseHTTPRequestHandler):
    """Accepts whatever it is sent, as a collector does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.bytes_taken += len(self.rfile.read(int(self.headers["content-length"])))  # type: ignore[attr-defined]  # ours
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """It logs nothing."""


@contextmanager
def _collector() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer((LOCAL, 0), _Receiver) as server:
        server.daemon_threads = True
        server.bytes_taken = 0  # type: ignore[attr-defined]  # ours
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def _scraper(port: int) -> Iterator[list[int]]:
    """Asks for the metrics again and again; the sizes of the answers."""
    sizes: list[int] = []
    is_over = threading.Event()

    def scrape() -> None:
        while not is_over.wait(SCRAPED_EVERY_S):
            with suppress(OSError), urllib.request.urlopen(f"http://{LOCAL}:{port}/metrics", timeout=5) as answer:
                sizes.append(len(answer.read()))

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield sizes
    finally:
        is_over.set()
        thread.join()


def cost_of_telling(
    bench: Callable[..., Mapping[str, Any]], *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> Mapping[str, object]:
    """How the CPU time of a call compares, by work. `bench` runs `travio-inventory bench` with these words. Raises
    RuntimeError if nothing was scraped, or no span arrived: then nothing was compared.
    """
    found: dict[str, object] = {}
    for work in WORKS:
        port = free_port()
        with _collector() as collector, _scraper(port) as scraped:
            traced = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{LOCAL}:{collector.server_port}"
            serve = f"TRAVIO_AUTH=off HTTP_PORT=off {sys.executable} -m travio_inventory.cli serve"
            told, untold = f"env METRICS_PORT={port} {traced} {serve}", f"env METRICS_PORT=off {serve}"
            began_s = time.monotonic()
            words = ("compare", told, untold, "--work", work, "--rounds", str(rounds), "--seconds", str(seconds))
            measured = bench(*words)
            taken = collector.bytes_taken  # type: ignore[attr-defined]  # ours
            if not scraped or not taken:
                raise RuntimeError(f"{len(scraped)} scrapes and {taken} bytes of spans: nothing was told")
            found[work] = {
                **cost(measured["A / B"]["per_server_cpu_second"]),
                "CPU us a call, told": _us(measured["A"]),
                "CPU us a call, untold": _us(measured["B"]),
                "scrapes": len(scraped),
                "bytes of spans": taken,
                "seconds": round(time.monotonic() - began_s, 1),
                "rounds": rounds,
            }
    return found


def cost(ratios: Mapping[str, float]) -> dict[str, float]:
    """In percent of the CPU time of a call: the median of the rounds, the least and the greatest."""
    return {
        "costs, %": round((1 / ratios["median"] - 1) * 100, 1),
        "least, %": round((1 / ratios["max"] - 1) * 100, 1),
        "most, %": round((1 / ratios["min"] - 1) * 100, 1),
    }


def _us(one: Mapping[str, Any]) -> float:
    per_cpu_second: float = one["per_server_cpu_second"]
    return round(1_000_000 / per_cpu_second, 1)
