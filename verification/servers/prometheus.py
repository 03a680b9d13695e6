"""Prometheus with temporary data: it asks services for their metrics, and answers queries about them."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.process import ServerProcess, wait_until

HOST = "127.0.0.1"
START_S_MAX = 120
REPLY_S_MAX = 60


class QueryFailedError(Exception):
    """A query has no answer; the message says why."""


class Series(NamedTuple):
    """One series of an answer: its labels, and its figures with their Unix times."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Prometheus:
    """One server."""

    port: int
    process: ServerProcess

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"{HOST}:{self.port}"

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urlopen(f"http://{self.address}/-/ready", timeout=REPLY_S_MAX) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, expression: str) -> list[Series]:
        """What the expression is now. Raises QueryFailedError."""
        found = self._ask("query", query=expression)
        return [Series(each["metric"], [_point(each["value"])]) for each in found["result"]]

    def query_range(self, expression: str, *, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """What it was from then to then. Raises QueryFailedError."""
        found = self._ask("query_range", query=expression, start=start_s, end=end_s, step=step_s)
        return [Series(each["metric"], [_point(value) for value in each["values"]]) for each in found["result"]]

    def _ask(self, how: str, **asked: object) -> Mapping[str, Any]:
        url = f"http://{self.address}/api/v1/{how}?{urlencode(asked)}"
        try:
            with urlopen(url, timeout=REPLY_S_MAX) as answer:
                said: Mapping[str, Any] = json.load(answer)["data"]
        except HTTPError as refused:
            raise QueryFailedError(refused.read().decode()) from refused
        return said


def _point(value: tuple[float, str]) -> tuple[float, float]:
    at, figure = value
    return at, float(figure)


@contextmanager
def prometheus(
    folder: Path, targets: Sequence[str], *, interval_s: int = 1, rules: Path | None = None
) -> Iterator[Prometheus]:
    """One server in a folder that asks these HOST:PORT so often. Raises ServersMissingError, ServerFailedError."""
    if missing := fetch.prometheus_missing():
        raise fetch.ServersMissingError(missing)
    own = folder / "prometheus"
    own.mkdir(parents=True)
    jobs = [{"job_name": "travio-inventory", "static_configs": [{"targets": [*targets]}]}]
    every = {"scrape_interval": f"{interval_s}s", "evaluation_interval": f"{interval_s}s"}
    configuration = {"global": every, "rule_files": [str(rules)] if rules else [], "scrape_configs": jobs}
    (own / "prometheus.yaml").write_text(json.dumps(configuration))  # JSON is YAML
    port = free_port(HOST)
    options = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", f"--web.listen-address={HOST}:{port}"]
    process = ServerProcess(f"prometheus {port}", ["prometheus", *options, "--log.level=warn"], own)
    server = Prometheus(port, process)
    try:
        process.start()
        wait_until(server.is_ready, f"{server.address} answers", [process], limit_s=START_S_MAX)
        yield server
    finally:
        process.kill()
        shutil.rmtree(own / "data", ignore_errors=True)
