"""deploy/kubernetes as kubectl builds it: valid on the oldest and the newest Kubernetes, and held to the code."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from travio_inventory.app.listening import LINGER_SECONDS_MAX
from travio_inventory.app.relayed import FLUSH_SECONDS_MAX
from travio_inventory.cli.commands import build
from travio_inventory.client.client import LIVENESS
from travio_inventory.settings import KEYS, PREFIX, HttpSettings, ServerSettings, Settings, load_settings, names
from travio_inventory.settings.metrics import MetricsSettings
from verification.kubernetes import custom_kinds, manifests
from verification.kubernetes.manifests import FOLDER, OURS, OVERLAYS, ROOT, Container, Document, built, of_kind

pytestmark = pytest.mark.usefixtures("kubectl")

VERSIONS = ("1.31", "1.37")
"""The oldest Kubernetes that the manifests are for, and the newest one known."""
VALIDATE_SECONDS_MAX = 60
SCALED = {"Deployment", "StatefulSet"}
OWNERS = SCALED | {"Job"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PORTS = {
    "grpc": ServerSettings.model_fields["port"].default,
    "http": HttpSettings.model_fields["port"].default,
    "metrics": MetricsSettings.model_fields["port"].default,
}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
GRPC_DURATION = "grpc_request_duration_seconds"
DEPLOYED = ("production", "datadog", "keda")
"""What runs on machines of its own, with three copies of the record."""


def validated(text: str, version: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What kubernetes-validate says of all documents of this text."""
    file = folder / "all.yaml"
    file.write_text(text)
    command = [str(Path(sys.executable).with_name("kubernetes-validate")), "--strict", "-k", version, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=VALIDATE_SECONDS_MAX, check=False)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def documents(overlay: str) -> list[Document]:
    return built(overlay)


def inventory(documents: list[Document]) -> list[Container]:
    """Our containers: one of the service, one of the worker, one of the schema."""
    found = [*manifests.containers(documents)]
    assert sorted(each.name for each in found) == [OURS, f"{OURS}-schema", f"{OURS}-worker"]
    return found


def the_service(documents: list[Document]) -> Container:
    (found,) = [each for each in inventory(documents) if each.name == OURS]
    return found


def seen(settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the service makes of these variables."""
    for variable in [each for each in os.environ if each.startswith(PREFIX) or each in VARIABLES]:
        monkeypatch.delenv(variable)
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    return load_settings()


VARIABLES = {each for key in KEYS for each in names(key)}
FOREIGN = {"DD_AGENT_HOST", "OTEL_RESOURCE_ATTRIBUTES"}  # no settings: others refer to it; OpenTelemetry reads it

# ---- valid


def test_the_overlays_are_those_that_are_documented() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert set(OVERLAYS) == {"development", *DEPLOYED}
    assert [each for each in OVERLAYS if f"overlays/{each}" not in operations] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid_on_this_kubernetes(overlay: str, version: str, tmp_path: Path) -> None:
    said = validated(manifests.built_text(FOLDER / "overlays" / overlay), version, tmp_path)
    assert said.returncode == 0, said.stdout
    warned = re.findall(r"^WARN .* for kind (\w+) ", said.stdout, re.MULTILINE)
    assert set(warned) <= {*custom_kinds.KINDS}
    assert len(re.findall(r"^INFO .* passed ", said.stdout, re.MULTILINE)) == len(built(overlay)) - len(warned)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("terminationGracePeriodSeconds: ", "terminationGracePeriodSecond: "),
        ("averageUtilization: 70", "averageUtilization: 70%"),
        ("runAsNonRoot: true", "runAsNonRoots: true"),
        ("maxUnavailable: 1", "maxUnavailables: 1"),
    ],
)
def test_a_typo_is_refused(right: str, wrong: str, tmp_path: Path) -> None:
    text = manifests.built_text(FOLDER / "overlays" / "production")
    assert right in text
    assert validated(text.replace(right, wrong, 1), VERSIONS[1], tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("overlay", "kind", "right", "wrong"),
    [
        ("keda", "ScaledObject", "metricType: ", "metricTypes: "),
        ("keda", "ScaledObject", "maxReplicaCount: 10", "maxReplicaCount: ten"),
        ("production", "ServiceMonitor", "scrapeTimeout: ", "scrapeTimeouts: "),
        ("production", "ServiceMonitor", "scrapeTimeout: 10s", "scrapeTimeout: ten"),
        ("datadog", "DatadogMetric", "query: ", "queries: "),
    ],
)
def test_kinds_of_others_fit_their_definitions_and_a_typo_does_not(
    overlay: str, kind: str, right: str, wrong: str
) -> None:
    (document,) = [each for each in built(overlay) if each["kind"] == kind]
    text = yaml.safe_dump(document)
    assert [*custom_kinds.faults(document)] == []
    assert right in text
    assert [*custom_kinds.faults(yaml.safe_load(text.replace(right, wrong, 1)))] != []


def test_every_document_of_a_kind_of_others_fits_its_definition(documents: list[Document]) -> None:
    found = [each for each in documents if each["kind"] in custom_kinds.KINDS]
    assert [fault for each in found for fault in custom_kinds.faults(each)] == []


def test_tls_is_a_component_that_changes_only_the_service(tmp_path: Path) -> None:
    """With it the container asks itself, since the probes of Kubernetes speak no TLS."""
    # kustomize wants relative paths, and a folder of its own
    relative = os.path.relpath(FOLDER, tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": [f"{relative}/overlays/production"], "components": [f"{relative}/components/tls"]})
    )
    text = manifests.built_text(tmp_path)
    documents = manifests.read(text)
    assert validated(text, VERSIONS[0], tmp_path).returncode == 0
    changed = [each["metadata"]["name"] for each in documents if each not in built("production")]
    assert changed == [OURS]
    service = the_service(documents)
    variables = manifests.environment(documents, service)
    files = {variables[name] for name in ("TRAVIO_TLS_CERT", "TRAVIO_TLS_KEY")}
    (mount,) = [each for each in service.itself["volumeMounts"] if each["name"] == "tls"]
    assert {str(Path(file).parent) for file in files} == {mount["mountPath"]}
    probes = [service.itself[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
    assert [each["exec"]["command"][1:3] for each in probes] == [["-m", "travio_inventory.cli.probe"]] * 3
    assert [each["exec"]["command"][3] for each in probes] == ["liveness", "liveness", "readiness"]


# ---- what the code says


def test_every_variable_is_a_setting_with_a_right_value(
    documents: list[Document], overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for container in inventory(documents):
        variables = manifests.environment(documents, container)
        assert variables.keys() <= VARIABLES | FOREIGN, container.name
        settings = seen(variables, monkeypatch)
        assert (settings.store.kind, settings.edge.kind) == ("scylla", "redis")
        assert settings.scylla.environment == ("development" if overlay == "development" else "production")
        assert settings.auth.kind == ("off" if overlay == "development" else "jwt")


def test_every_command_is_one_of_ours(documents: list[Document]) -> None:
    for container in inventory(documents):
        function, _, _ = build().parse_args(container.itself["args"], print_error=False, exit_on_error=False)
        assert str(function.__module__).startswith("travio_inventory.cli.")


def test_ports_are_those_that_the_service_listens_on(
    documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = the_service(documents)
    named = {each["name"]: each["containerPort"] for each in service.itself["ports"]}
    settings = seen(manifests.environment(documents, service), monkeypatch)
    assert named == PORTS
    assert settings.metrics.port == named["metrics"]
    assert (settings.server.port, settings.http.port) == (named["grpc"], named["http"])
    for each in of_kind(documents, "Service").values():
        if OURS in each["metadata"]["name"]:
            assert {port["port"] for port in each["spec"]["ports"]} <= {*named.values()}
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= named.keys()
            assert [port["port"] for port in each["spec"]["ports"] if named[port["targetPort"]] != port["port"]] == []


def test_one_process_publishes_to_what_has_one_writer_and_all_to_brokers(
    documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that relay to a file or a webhook publish every event twice."""
    running = [each for each in inventory(documents) if each.owner["kind"] == "Deployment"]
    of = {each.name: seen(manifests.environment(documents, each), monkeypatch).background.relay for each in running}
    assert of == {OURS: "shared", f"{OURS}-worker": "on"}
    assert of_kind(documents, "Deployment")[f"{OURS}-worker"]["spec"].get("replicas", 1) == 1


def test_probes_ask_what_the_service_answers(documents: list[Document]) -> None:
    service = the_service(documents)
    asked = {kind: service.itself[f"{kind}Probe"]["grpc"] for kind in ("startup", "liveness", "readiness")}
    alive = {"port": PORTS["grpc"], "service": LIVENESS}
    assert asked == {"startup": alive, "liveness": alive, "readiness": {"port": PORTS["grpc"]}}


def test_a_stop_is_given_the_time_it_takes(documents: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections go elsewhere; calls drain and their connections linger, steps drain, events are relayed."""
    for container in inventory(documents):
        if container.owner["kind"] != "Deployment":
            continue
        drain = seen(manifests.environment(documents, container), monkeypatch).limits.drain_seconds
        before = container.itself.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        longest = before + 2 * drain + LINGER_SECONDS_MAX + FLUSH_SECONDS_MAX
        assert container.pod["terminationGracePeriodSeconds"] > longest
    service = the_service(documents)
    probe = service.itself["readinessProbe"]
    assert (
        service.itself["lifecycle"]["preStop"]["sleep"]["seconds"] > probe["periodSeconds"] * probe["failureThreshold"]
    )


def test_the_image_is_that_of_this_release_and_its_user(documents: list[Document]) -> None:
    user = re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    data = re.search(r"^ENV TRAVIO_DATA=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    assert data is not None
    for container in inventory(documents):
        assert container.itself["image"] == f"{OURS}:{PYPROJECT['project']['version']}"
        security = container.pod["securityContext"]
        assert (security["runAsUser"], security["runAsNonRoot"]) == (int(user[1]), True)
        assert data[1] in [each["mountPath"] for each in container.itself["volumeMounts"]]


def test_servers_beside_the_service_are_those_of_compose() -> None:
    documents = built("development")
    others = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]
        for each in documents
        if each["kind"] in SCALED and OURS not in each["metadata"]["name"]
    }
    assert {name: each["image"] for name, each in others.items()} == {
        name: service["image"] for name, service in COMPOSE.items() if "image" in service
    }
    assert others["redis"]["args"] == COMPOSE["redis"]["command"]
    assert " ".join(others["scylla"]["args"]) == COMPOSE["scylla"]["command"]


# ---- what was asked for, and what Kubernetes would let pass


def test_resources_are_asked_for_and_bounded(documents: list[Document], overlay: str) -> None:
    for container in inventory(documents):
        resources = container.itself["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys() & resources["limits"].keys()
    resources = the_service(documents).itself["resources"]
    assert (resources["limits"]["cpu"], resources["limits"]["memory"]) == ("2", "1Gi")
    if overlay in DEPLOYED:
        assert (resources["requests"]["cpu"], resources["requests"]["memory"]) == ("1", "512Mi")


def test_no_number_of_pods_stands_beside_what_scales_them(documents: list[Document]) -> None:
    """An apply would set it back in the middle of a sale."""
    scaled = [each["spec"]["scaleTargetRef"]["name"] for each in documents if each["kind"] == "HorizontalPodAutoscaler"]
    scaled += [each["spec"]["scaleTargetRef"]["name"] for each in documents if each["kind"] == "ScaledObject"]
    assert OURS in scaled
    assert sorted(set(scaled)) == sorted(scaled)
    deployments = of_kind(documents, "Deployment")
    assert [name for name in scaled if "replicas" in deployments[name]["spec"]] == []
    assert [name for name in deployments if name not in scaled and "replicas" not in deployments[name]["spec"]] == []


@pytest.mark.parametrize("overlay", DEPLOYED, indirect=True)
def test_five_to_fifty_pods_by_processor_and_latency(documents: list[Document]) -> None:
    scaler = of_kind(documents, "HorizontalPodAutoscaler")[OURS]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (5, 50)
    cpu, latency = scaler["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert latency["type"] in {"Pods", "External"}
    match latency:
        case {"type": "Pods", "pods": pods}:
            target = {"type": "AverageValue", "averageValue": "500m"}
            assert pods == {"metric": {"name": GRPC_DURATION}, "target": target}
        case {"type": "External", "external": external}:
            (metric,) = of_kind(documents, "DatadogMetric").values()
            assert external["metric"]["name"] == f"datadogmetric@travio:{metric['metadata']['name']}"
            assert external["target"] == {"type": "Value", "value": "500m"}
            assert f".{GRPC_DURATION}.sum" in metric["spec"]["query"]
        case _:
            pytest.fail(f"no latency: {latency}")


@pytest.mark.parametrize("overlay", DEPLOYED, indirect=True)
def test_pods_run_on_nodes_of_their_own_in_every_zone(documents: list[Document]) -> None:
    for container in inventory(documents):
        if container.owner["kind"] != "Deployment":
            continue
        (term,) = container.pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        assert term["matchExpressions"] == [{"key": "workload", "operator": "In", "values": ["inventory"]}]
        assert {"key": "workload", "operator": "Equal", "value": "inventory", "effect": "NoSchedule"} in container.pod[
            "tolerations"
        ]
        zones, *_ = container.pod["topologySpreadConstraints"]
        assert (zones["topologyKey"], zones["maxSkew"]) == ("topology.kubernetes.io/zone", 1)
        assert manifests.selects(zones["labelSelector"]["matchLabels"], container.owner)


def test_nobody_gains_rights_and_what_need_not_write_cannot(documents: list[Document]) -> None:
    for container in inventory(documents):
        pod, security = container.pod, container.itself["securityContext"]
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert all("sizeLimit" in each["emptyDir"] for each in pod["volumes"] if "emptyDir" in each)


def test_every_selector_selects_the_pods_it_is_for(documents: list[Document]) -> None:
    owners = [each for each in documents if each["kind"] in OWNERS]

    def chosen(labels: Mapping[str, str]) -> list[str]:
        return [each["metadata"]["name"] for each in owners if manifests.selects(labels, each)]

    everything, both = [OURS, f"{OURS}-worker", f"{OURS}-schema"], [OURS, f"{OURS}-worker"]
    budgets = of_kind(documents, "PodDisruptionBudget")
    assert {name: chosen(each["spec"]["selector"]["matchLabels"]) for name, each in budgets.items()} == {
        name: [name] for name in both
    }
    policy = of_kind(documents, "NetworkPolicy")[OURS]["spec"]
    assert sorted(chosen(policy["podSelector"]["matchLabels"])) == sorted(everything)
    for name, each in of_kind(documents, "Service").items():
        found = chosen(each["spec"]["selector"])
        assert found == ([OURS] if name in {OURS, f"{OURS}-headless"} else found)
        assert found
    for owner in owners:
        if owner["kind"] != "Job":
            assert chosen(owner["spec"]["selector"]["matchLabels"]) == [owner["metadata"]["name"]]


def test_a_node_is_drained_one_pod_at_a_time(documents: list[Document]) -> None:
    for budget in of_kind(documents, "PodDisruptionBudget").values():
        assert budget["spec"]["maxUnavailable"] == 1
    rolling = the_service(documents).owner["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0


def test_what_may_come_in_and_go_out_is_named(documents: list[Document]) -> None:
    policy = of_kind(documents, "NetworkPolicy")[OURS]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    named = {each["name"] for container in inventory(documents) for each in container.itself.get("ports", ())}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == named
    assert all(rule.get("ports") for rule in policy["egress"])


def test_traces_go_to_the_agent_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    for container in inventory(documents := built("datadog")):
        if container.name != f"{OURS}-schema":
            told = [each.get("value", each.get("valueFrom")) for each in container.itself["env"][-2:]]
            assert told == [{"fieldRef": {"fieldPath": "status.hostIP"}}, "http://$(DD_AGENT_HOST):4318"]
            assert seen(manifests.environment(documents, container), monkeypatch).traces.kind == "otlp"


def test_production_does_not_start_without_its_secret(overlay: str, documents: list[Document]) -> None:
    for container in inventory(documents):
        (secret,) = [each["secretRef"] for each in container.itself["envFrom"] if "secretRef" in each]
        assert secret.get("optional", False) is (overlay == "development")


@pytest.fixture
def kustomized(tmp_path: Path) -> Callable[[str], None]:
    """Builds a kustomization of this text."""

    def build_it(text: str) -> None:
        (tmp_path / "kustomization.yaml").write_text(text)
        manifests.built_text(tmp_path)

    return build_it


def test_a_folder_that_is_no_kustomization_is_refused(kustomized: Callable[[str], None]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        kustomized("resources: [none.yaml]\n")
