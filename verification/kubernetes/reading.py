"""Metrics for the autoscaler, from a model of the pods that run instead of measurements: `metrics.k8s.io` for CPU,
`custom.metrics.k8s.io` for the latency of calls.
"""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from verification.servers.certificates import Certificates

LATENCY = "grpc_request_duration_seconds"
CPU_GROUP = "metrics.k8s.io/v1beta1"
OWN_GROUP = "custom.metrics.k8s.io/v1beta2"
GROUPS = (CPU_GROUP, OWN_GROUP)
NO_LOAD_MS = 5
"""The latency of a pod that has next to nothing to do."""


@dataclass
class Load:
    """What all pods together have to do; each has its share. `cpu_millicores` is what they use, `waiting_ms` the
    latency that one pod alone would have.
    """

    cpu_millicores: int = 0
    waiting_ms: int = 0

    def cpu_of_one(self, pods: int) -> str:
        return f"{self.cpu_millicores // max(1, pods)}m"

    def latency_of_one(self, pods: int) -> str:
        """Seconds, as a quantity: `500m` is half a second."""
        return f"{max(NO_LOAD_MS, self.waiting_ms // max(1, pods))}m"


Pods = Callable[[str, str], list[dict[str, Any]]]
"""The pods that run in a namespace with these labels."""


@contextmanager
def told(load: Load, pods: Pods, certificates: Certificates) -> Iterator[int]:
    """The port where the load is told, on this machine."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(_answer(self.path, load, pods)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _answer(path: str, load: Load, pods: Pods) -> dict[str, Any]:
    url = urlsplit(path)
    parts = url.path.strip("/").split("/")
    group = "/".join(parts[1:3])
    if group not in GROUPS:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
    if "namespaces" not in parts:
        return _resources(group)
    running = pods(parts[parts.index("namespaces") + 1], dict(parse_qsl(url.query)).get("labelSelector", ""))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if group == CPU_GROUP:
        usage = {"cpu": load.cpu_of_one(len(running)), "memory": "100Mi"}
        items = [_cpu_of(pod, usage, now) for pod in running]
        return {"kind": "PodMetricsList", "apiVersion": group, "metadata": {}, "items": items}
    value = load.latency_of_one(len(running))
    items = [
        {
            "describedObject": {"kind": "Pod", "apiVersion": "/v1", **_named(pod)},
            "metric": {"name": LATENCY},
            "timestamp": now,
            "value": value,
        }
        for pod in running
    ]
    return {"kind": "MetricValueList", "apiVersion": group, "metadata": {}, "items": items}


def _resources(group: str) -> dict[str, Any]:
    """What a group has, for discovery."""
    name, kind = ("pods", "PodMetrics") if group == CPU_GROUP else (f"pods/{LATENCY}", "MetricValueList")
    resource = {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": [resource]}


def _named(pod: dict[str, Any]) -> dict[str, str]:
    return {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}


def _cpu_of(pod: dict[str, Any], usage: dict[str, str], now: str) -> dict[str, Any]:
    return {
        "metadata": {**_named(pod), "labels": pod["metadata"].get("labels", {})},
        "timestamp": now,
        "window": "10s",
        "containers": [{"name": each["name"], "usage": usage} for each in pod["spec"]["containers"]],
    }
