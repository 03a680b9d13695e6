"""Datadog's agent hands on the traces of a pod, under the names and tags that its deployment says."""

from pathlib import Path

import pytest

from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import Refusal
from verification.interop.datadog_agent import ENDPOINT, DatadogAgent, datadog_agent
from verification.kit.service_process import eventually, serving
from verification.kit.trips import trip_of
from verification.kubernetes import manifests
from verification.kubernetes.manifests import OURS, ROOT, built

WITHIN_S = 120
TAG = "tags.datadoghq.com/"
CALL = "inventory.v1.InventoryService"


def deployed(agent: DatadogAgent) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of traces in the overlay for Datadog, with this agent as that of the node; and the pods' tags."""
    documents = built("datadog")
    (pod,) = [each for each in manifests.containers(documents) if each.name == OURS]
    told = manifests.environment(documents, pod)
    variables = {name: value for name, value in told.items() if name.startswith("OTEL_")}
    endpoint = variables["OTEL_EXPORTER_OTLP_ENDPOINT"].replace("$(DD_AGENT_HOST)", "127.0.0.1")
    assert endpoint == "http://127.0.0.1:4318"
    variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint.replace("4318", str(agent.port))
    labels = pod.owner["spec"]["template"]["metadata"]["labels"]
    return variables, {name.removeprefix(TAG): value for name, value in labels.items() if name.startswith(TAG)}


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("foreign_clients", "kubectl")
async def test_the_agent_hands_on_spans_with_the_tags_of_the_deployment(tmp_path: Path) -> None:
    with datadog_agent(tmp_path) as agent:
        variables, tags = deployed(agent)
        chosen = {"OTEL_TRACES_SAMPLER": "parentbased_always_on", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        async with serving(tmp_path, **variables | chosen, TRAVIO_HTTP_PORT=str(free_port())) as service:
            async with service.client() as client:
                await client.open_trip(trip_of("t", seats=2))
                await client.hold("t", "S0", "S1", ["seat-1"])
                with pytest.raises(Refusal):
                    await client.hold("t", "S0", "S1", ["seat-1"])
            assert await service.stop() == 0

        async def is_all_there() -> bool:
            return {"send json-lines", f"HoldSeats {CALL}"} <= {span["Resource"] for span in agent.sent()}

        await eventually(is_all_there, within_s=WITHIN_S)
    spans = agent.sent()
    assert {(span["Service"], span["Env"], span["Version"]) for span in spans} == {
        (tags["service"], tags["env"], tags["version"])
    }
    calls = [span for span in spans if span["Resource"] == f"HoldSeats {CALL}"]
    assert {(span["Name"], span["Type"], span["Error"]) for span in calls} == {("grpc.server.request", "web", 0)}
    assert sorted(span["Meta"]["rpc.grpc.status_code"] for span in calls) == ["0", "9"]
    trace = [span for span in spans if span["Meta"]["otel.trace_id"] == calls[0]["Meta"]["otel.trace_id"]]
    assert {("Internal", "gate.enter"), ("sqlite.query", "store.apply")} < {
        (span["Name"], span["Resource"]) for span in trace
    }


def test_the_document_names_the_variable_that_lets_the_agent_listen() -> None:
    assert ENDPOINT in (ROOT / "docs" / "operations.md").read_text()
