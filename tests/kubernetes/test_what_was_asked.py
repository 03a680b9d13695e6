"""What deploy/kubernetes is asked to do, and any Kubernetes would let pass without it."""

import re
from typing import Any

import pytest

from tests.kubernetes.test_manifests import DEPLOYED, PORTS, documents, inventory, overlay, the_service
from travio_inventory.store.addresses import PORT_DEFAULT
from travio_inventory.telemetry.families import FAMILIES, RELAY_LAG
from verification.kubernetes import manifests
from verification.kubernetes.manifests import OURS, Document, built, of_kind

__all__ = ["documents", "overlay"]
pytestmark = pytest.mark.usefixtures("kubectl")


def test_each_container_runs_its_part(documents: list[Document]) -> None:
    runs = {each.name: each.itself["args"][:2] for each in inventory(documents)}
    assert (runs[OURS][:1], runs[f"{OURS}-worker"]) == (["serve"], ["work"])
    assert runs[f"{OURS}-schema"] == ["schema", "apply"]


def test_a_worker_is_asked_where_it_answers(documents: list[Document]) -> None:
    """It has no port for gRPC: `travio_inventory.app.metrics_listener` answers beside the metrics."""
    [worker] = [each for each in inventory(documents) if each.name == f"{OURS}-worker"]
    asked = {kind: worker.itself[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    alive = {"path": "/livez", "port": "metrics"}
    assert asked == {"startup": alive, "liveness": alive, "readiness": {"path": "/readyz", "port": "metrics"}}
    assert worker.itself["ports"] == [{"name": "metrics", "containerPort": PORTS["metrics"]}]


def test_clients_that_balance_get_the_addresses_of_all_pods(documents: list[Document]) -> None:
    services = of_kind(documents, "Service")
    assert services[f"{OURS}-headless"]["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in services[OURS]["spec"]


@pytest.mark.parametrize("overlay", DEPLOYED, indirect=True)
def test_pods_wait_rather_than_crowd_into_one_zone(documents: list[Document]) -> None:
    zones, nodes = the_service(documents).pod["topologySpreadConstraints"]
    assert (zones["whenUnsatisfiable"], nodes["whenUnsatisfiable"]) == ("DoNotSchedule", "ScheduleAnyway")


def may_go(documents: list[Document], way: str) -> list[dict[str, Any]]:
    """The rules of what may come in, or go out."""
    return list(of_kind(documents, "NetworkPolicy")[OURS]["spec"][way])


@pytest.mark.parametrize("overlay", DEPLOYED, indirect=True)
def test_what_the_service_needs_it_may_reach(documents: list[Document]) -> None:
    ports = [port for rule in may_go(documents, "egress") for port in rule["ports"]]
    out = {(port["port"], port.get("protocol", "TCP")) for port in ports}
    variables = manifests.environment(documents, the_service(documents))
    told = re.findall(r":(\d+)\b", " ".join(variables[name] for name in ("REDIS_ADDR", "TRAVIO_EVENTS")))
    assert len(told) == 2
    assert out >= {(53, "UDP"), (53, "TCP"), (PORT_DEFAULT, "TCP"), *((int(port), "TCP") for port in told)}


def test_metrics_are_for_those_who_watch(documents: list[Document], overlay: str) -> None:
    [rule] = [each for each in may_go(documents, "ingress") if each["ports"] == [{"port": "metrics"}]]
    named = {each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in rule["from"]}
    assert named == {"monitoring", *(["datadog"] if overlay == "datadog" else [])}


@pytest.mark.parametrize("overlay", DEPLOYED, indirect=True)
def test_the_monitor_finds_the_metrics_of_all_pods(documents: list[Document]) -> None:
    [monitor] = of_kind(documents, "ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    [service] = [
        each for each in of_kind(documents, "Service").values() if each["metadata"]["labels"].items() >= wanted
    ]
    [endpoint] = monitor["spec"]["endpoints"]
    [port] = service["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
    assert (port["targetPort"], service["spec"]["publishNotReadyAddresses"]) == ("metrics", True)
    watched = [each for each in inventory(documents) if manifests.selects(service["spec"]["selector"], each.owner)]
    assert {OURS, f"{OURS}-worker"} <= {each.name for each in watched}


def test_workers_are_as_many_as_the_lag_of_a_sink_asks_for() -> None:
    documents = built("keda")
    [scaled] = of_kind(documents, "ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] == f"{OURS}-worker"
    [trigger] = scaled["spec"]["triggers"]
    asked = trigger["metadata"]["query"]
    assert set(re.findall(r"travio_\w+", asked)) == {RELAY_LAG.name} <= {each.name for each in FAMILIES}
    assert (trigger["type"], trigger["metricType"]) == ("prometheus", "Value")


def test_datadog_shows_all_of_a_pod_under_one_service_and_version() -> None:
    documents = built("datadog")
    for each in inventory(documents):
        if each.owner["kind"] != "Deployment":
            continue
        variables = manifests.environment(documents, each)
        told = dict(pair.split("=") for pair in variables["OTEL_RESOURCE_ATTRIBUTES"].split(","))
        for labels in (each.owner["metadata"]["labels"], each.owner["spec"]["template"]["metadata"]["labels"]):
            assert {name: labels[f"tags.datadoghq.com/{name}"] for name in ("env", "service", "version")} == {
                "env": told["deployment.environment.name"],
                "service": variables["OTEL_SERVICE_NAME"],
                "version": told["service.version"],
            }
