"""A control plane on this machine: the real API server, controllers and scheduler on etcd; nodes without machines."""

import json
import secrets
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from travio_inventory.bench.free_ports import free_port
from verification.kubernetes import building, custom_kinds, manifests, reading
from verification.servers.certificates import make_certificates
from verification.servers.go_programs import kubectl
from verification.servers.process import ServerProcess, wait_until

HOST = "127.0.0.1"
STAGES = Path(__file__).with_name("stages.yaml")
START_S_MAX = 120
POLL_S = 0.1
ZONES = ("a", "b", "c")
NODES = {f"{zone}{number}": zone for zone in ZONES for number in (1, 2)}
"""The nodes for the inventory, each with its zone."""
OTHER_NODE = "other"
TOOL_SECONDS_MAX = 300
FAST = (
    "--horizontal-pod-autoscaler-sync-period=1s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
    "--node-monitor-grace-period=1h",
)
"""The autoscaler looks every second instead of every 15; and a node need not repeat that it is well."""


class NotSeenError(Exception):
    """Something did not come about in time; the message says what."""


@dataclass(frozen=True)
class Cluster:
    """A running control plane."""

    address: str
    token: str
    kubeconfig: Path
    load: reading.Load = field(default_factory=reading.Load)

    def get(self, path: str) -> dict[str, Any]:
        """What the API server answers. Raises OSError."""
        request = urllib.request.Request(  # noqa: S310 - our own server on this machine
            f"{self.address}{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 - as above
            read: dict[str, Any] = json.load(answer)
            return read

    def kubectl(self, *words: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs kubectl with these words. Raises CalledProcessError if it is to be checked."""
        return subprocess.run(
            [kubectl(), f"--kubeconfig={self.kubeconfig}", *words],
            input=given, capture_output=True, text=True, check=check, timeout=TOOL_SECONDS_MAX,
        )  # fmt: skip

    def pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """The pods that run and have not been told to end."""
        listed = self.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}")["items"]
        return [
            pod
            for pod in listed
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]

    def wait(self, seen: Callable[[], bool], what: str, *, limit_s: float) -> float:
        """Wait until something is seen; the seconds that it took. Raises NotSeenError."""
        began = time.monotonic()
        while not seen():
            if time.monotonic() - began > limit_s:
                raise NotSeenError(f"still not after {limit_s:g} s: {what}")
            time.sleep(POLL_S)
        return time.monotonic() - began


@contextmanager
def control_plane(folder: Path) -> Iterator[Cluster]:
    """A cluster with six nodes for the inventory in three zones, one other node, and the kinds that others add."""
    built = building.build()
    with ExitStack() as stack:
        cluster = _api_server(folder, built, stack)
        certificates = make_certificates(folder)
        port = stack.enter_context(reading.told(cluster.load, cluster.pods, certificates))
        _register_metrics(cluster, port)
        for kind in custom_kinds.KINDS:
            cluster.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(custom_kinds.definition(kind)))
        cluster.kubectl("apply", "--server-side", "-f", "-", given=_nodes())
        _start(
            stack, folder, "controllers", str(built / "kube-controller-manager"), f"--kubeconfig={cluster.kubeconfig}",
            "--leader-elect=false", "--secure-port=0", f"--service-account-private-key-file={folder / 'sa.key'}", *FAST,
        )  # fmt: skip
        _start(
            stack, folder, "scheduler", str(built / "kube-scheduler"), f"--kubeconfig={cluster.kubeconfig}",
            "--leader-elect=false", "--secure-port=0",
        )  # fmt: skip
        _start(
            stack, folder, "nodes", str(built / "kwok"), f"--kubeconfig={cluster.kubeconfig}", f"--config={STAGES}",
            "--manage-all-nodes=true", f"--server-address={HOST}:{free_port(HOST)}",
        )  # fmt: skip
        cluster.wait(lambda: _nodes_ready(cluster), "every node is ready", limit_s=START_S_MAX)
        yield cluster


def _start(stack: ExitStack, folder: Path, name: str, *command: str) -> ServerProcess:
    own = folder / name
    own.mkdir()
    process = ServerProcess(name, command, own)
    process.start()
    stack.callback(process.kill)
    return process


def _api_server(folder: Path, built: Path, stack: ExitStack) -> Cluster:
    client, peer, port = free_port(HOST), free_port(HOST), free_port(HOST)
    etcd = _start(
        stack, folder, "etcd", "etcd", "--data-dir=data", "--unsafe-no-fsync",
        f"--listen-client-urls=http://{HOST}:{client}", f"--advertise-client-urls=http://{HOST}:{client}",
        f"--listen-peer-urls=http://{HOST}:{peer}", f"--initial-advertise-peer-urls=http://{HOST}:{peer}",
        f"--initial-cluster=default=http://{HOST}:{peer}",
    )  # fmt: skip
    for command in (["genrsa", "-out", "sa.key"], ["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"]):
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)  # noqa: S607 - as everywhere
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,1,"system:masters"\n')
    server = _start(
        stack, folder, "api", str(built / "kube-apiserver"), f"--etcd-servers=http://{HOST}:{client}",
        f"--secure-port={port}", f"--bind-address={HOST}", f"--advertise-address={HOST}", "--cert-dir=certificates",
        f"--service-account-key-file={folder / 'sa.pub'}", f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/24",
        "--authorization-mode=RBAC", f"--token-auth-file={folder / 'tokens.csv'}",
    )  # fmt: skip
    cluster = Cluster(f"https://{HOST}:{port}", token, folder / "kubeconfig")
    cluster.kubeconfig.write_text(_kubeconfig(cluster))
    wait_until(lambda: _answers(cluster), "the API server is ready", [etcd, server], limit_s=START_S_MAX)
    return cluster


def _answers(cluster: Cluster) -> bool:
    try:
        return bool(cluster.get("/api/v1/namespaces/kube-system")["status"]["phase"] == "Active")
    except OSError:
        return False


def _kubeconfig(cluster: Cluster) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": cluster.address, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": cluster.token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def _register_metrics(cluster: Cluster, port: int) -> None:
    """Let the API server ask us for both groups of metrics."""
    documents: list[manifests.Document] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "told-metrics", "namespace": "kube-system"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        }
    ]
    for each in reading.GROUPS:
        group, _, version = each.partition("/")
        documents.append(
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"{version}.{group}"},
                "spec": {
                    "group": group,
                    "version": version,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "insecureSkipTLSVerify": True,
                    "service": {"name": "told-metrics", "namespace": "kube-system", "port": port},
                },
            }
        )
    cluster.kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(documents))


def _nodes() -> str:
    room = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}

    def node(name: str, zone: str, labels: dict[str, str], taints: list[dict[str, str]]) -> dict[str, Any]:
        own = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": own | labels},
            "spec": {"taints": taints},
            "status": {"allocatable": room, "capacity": room},
        }

    own = [{"key": "workload", "value": "inventory", "effect": "NoSchedule"}]
    nodes = [node(name, zone, {"workload": "inventory"}, own) for name, zone in NODES.items()]
    return yaml.safe_dump_all([*nodes, node(OTHER_NODE, ZONES[0], {}, [])])


def _nodes_ready(cluster: Cluster) -> bool:
    ready = [
        condition["status"]
        for node in cluster.get("/api/v1/nodes")["items"]
        for condition in node["status"].get("conditions", ())
        if condition["type"] == "Ready"
    ]
    return ready == ["True"] * (len(NODES) + 1)
