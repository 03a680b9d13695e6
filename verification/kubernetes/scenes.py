"""What is tried on the control plane, one scene after the other on one cluster; each returns what it saw."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import yaml

from verification.kubernetes import manifests
from verification.kubernetes.control_plane import NODES, Cluster
from verification.kubernetes.manifests import FOLDER, OURS, OVERLAYS

NAMESPACE = "travio"
SERVICE = "app.kubernetes.io/name=travio-inventory,app.kubernetes.io/component=service"
WORKER = "app.kubernetes.io/name=travio-inventory,app.kubernetes.io/component=worker"
LEAST, MOST = 5, 50
SCALE_S_MAX = 240
SAMPLE_S = 0.05
QUICK_SCALE_DOWN = {
    "stabilizationWindowSeconds": 5,
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 5}],
}
"""In place of five minutes and a fifth a minute, for which nobody waits here."""
NEXT_IMAGE = f"{OURS}:0.1.1"
CPU_OF_FIFTY = 60 * 700
"""Millicores that sixty pods would share at 70 % of a core each."""
WAITING_OF_FIFTY = 60 * 500
"""Milliseconds that sixty pods would bring down to 500."""

Saw = dict[str, object]


def _ready(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        pod
        for pod in pods
        if any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
    ]


@dataclass
class Samples:
    """How many pods of the service were ready, looked at again and again."""

    numbers: list[int] = field(default_factory=list)

    def path(self) -> list[int]:
        """The numbers in order, without repeats."""
        return [each for place, each in enumerate(self.numbers) if place == 0 or each != self.numbers[place - 1]]


@contextmanager
def sampled(cluster: Cluster) -> Iterator[Samples]:
    """Count the ready pods for as long as the block lasts."""
    samples, is_over = Samples(), Event()

    def look() -> None:
        while not is_over.wait(SAMPLE_S):
            samples.numbers.append(len(_ready(cluster.pods(NAMESPACE, SERVICE))))

    looking = Thread(target=look)
    looking.start()
    try:
        yield samples
    finally:
        is_over.set()
        looking.join()


def wait_for(cluster: Cluster, number: int) -> float:
    """Wait until so many pods of the service are ready, and no more; the seconds."""
    return cluster.wait(
        lambda: len(_ready(cluster.pods(NAMESPACE, SERVICE))) == number, f"{number} pods ready", limit_s=SCALE_S_MAX
    )


# ---- the scenes, in order


def every_overlay_is_accepted(cluster: Cluster) -> Saw:
    """The API server, asked to say what it would do, accepts every document of every overlay."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    accepted = {}
    for overlay in OVERLAYS:
        said = _dry_run(cluster, manifests.built_text(FOLDER / "overlays" / overlay))
        assert said.returncode == 0, said.stderr
        assert "Warning" not in said.stderr, said.stderr
        accepted[overlay] = len(said.stdout.splitlines())
    assert accepted == {overlay: len(manifests.built(overlay)) for overlay in OVERLAYS}
    return {"documents accepted": accepted}


def what_is_wrong_is_refused(cluster: Cluster) -> Saw:
    """Faults that one makes: each is refused, with the reason."""
    faults = {
        "fewest pods above most": ("production", "minReplicas: 5", "minReplicas: 51"),
        "a misspelt field": ("production", "terminationGracePeriodSeconds:", "terminationGraceSeconds:"),
        "a misspelt field of KEDA": ("keda", "metricType:", "metricTypes:"),
        "a misspelt field of the monitor": ("production", "scrapeTimeout:", "scrapeTimeouts:"),
        "a service at a port without a number": ("production", "port: 8083", "port: 80833"),
        "a budget without a selector that fits": ("production", "maxUnavailable: 1\n", "maxUnavailable: one\n"),
    }
    for fault, (overlay, right, wrong) in faults.items():
        text = manifests.built_text(FOLDER / "overlays" / overlay)
        assert right in text, fault
        assert _dry_run(cluster, text.replace(right, wrong, 1)).returncode != 0, fault
    return {"refused": [*faults]}


def _dry_run(cluster: Cluster, text: str) -> subprocess.CompletedProcess[str]:
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    return cluster.kubectl(*words, given=text, check=False)


def the_autoscaler_starts_five_in_every_zone(cluster: Cluster) -> Saw:
    """Production is applied: five pods on nodes for the inventory, as even over the zones as five can be."""
    apply_production(cluster)
    seconds = wait_for(cluster, LEAST)
    zones = Counter(NODES[pod["spec"]["nodeName"]] for pod in cluster.pods(NAMESPACE, SERVICE))
    assert sorted(zones.values()) == [1, 2, 2], zones
    cluster.wait(lambda: len(_ready(cluster.pods(NAMESPACE, WORKER))) == 1, "a worker", limit_s=SCALE_S_MAX)
    cluster.wait(lambda: _schema_applied(cluster), "the schema is applied", limit_s=SCALE_S_MAX)
    return {"seconds": round(seconds, 1), "pods by zone": dict(sorted(zones.items()))}


def _schema_applied(cluster: Cluster) -> bool:
    job = cluster.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{OURS}-schema")
    return bool(job["status"].get("succeeded") == 1)


def a_pod_that_gives_up_no_right_is_refused(cluster: Cluster) -> Saw:
    """The namespace admits no pod that may do more than ours."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    }
    said = cluster.kubectl("apply", "-f", "-", given=json.dumps(pod), check=False)
    assert "violates PodSecurity" in said.stderr, said.stderr
    return {"refused": "violates PodSecurity"}


def apply_production(cluster: Cluster) -> None:
    """As an operator does, only that the autoscaler waits less before it takes pods away."""
    documents = manifests.built("production")
    (scaler,) = [each for each in documents if each["kind"] == "HorizontalPodAutoscaler"]
    scaler["spec"]["behavior"]["scaleDown"] = QUICK_SCALE_DOWN
    cluster.kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(documents))


def from_five_to_fifty_by_processor_and_back(cluster: Cluster) -> Saw:
    """The pods use more than 70 % of what they asked for until there are fifty; then the load ends."""
    return _scaled(cluster, lambda is_on: setattr(cluster.load, "cpu_millicores", CPU_OF_FIFTY if is_on else 0))


def from_five_to_fifty_by_latency_and_back(cluster: Cluster) -> Saw:
    """The processor has nothing to do, but calls take longer than 500 ms until there are fifty pods."""
    return _scaled(cluster, lambda is_on: setattr(cluster.load, "waiting_ms", WAITING_OF_FIFTY if is_on else 0))


def _scaled(cluster: Cluster, put_load: Callable[[bool], None]) -> Saw:
    wait_for(cluster, LEAST)
    with sampled(cluster) as samples:
        put_load(True)
        up = wait_for(cluster, MOST)
        zones = Counter(NODES[pod["spec"]["nodeName"]] for pod in cluster.pods(NAMESPACE, SERVICE))
        assert max(zones.values()) - min(zones.values()) <= 1, zones
        put_load(False)
        down = wait_for(cluster, LEAST)
    assert (min(samples.numbers), max(samples.numbers)) == (LEAST, MOST)
    return {"seconds up": round(up, 1), "seconds down": round(down, 1), "pods by zone": dict(sorted(zones.items()))}


def an_apply_leaves_the_number_of_pods(cluster: Cluster) -> Saw:
    """In the middle of a sale somebody applies the same manifests again."""
    wanted = 20
    cluster.load.cpu_millicores = wanted * 700
    wait_for(cluster, wanted)
    with sampled(cluster) as samples:
        apply_production(cluster)
        time.sleep(5)
    assert set(samples.numbers) == {wanted}, samples.path()
    return {"pods": wanted}


def a_drain_takes_one_pod_at_a_time(cluster: Cluster) -> Saw:
    """A node with several pods is emptied; never is more than one of them missing."""
    pods = cluster.pods(NAMESPACE, SERVICE)
    (node, there), *_ = Counter(pod["spec"]["nodeName"] for pod in pods).most_common(1)
    assert there > 1
    with sampled(cluster) as samples:
        began = time.monotonic()
        said = cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
        seconds = time.monotonic() - began
        wait_for(cluster, len(pods))
    cluster.kubectl("uncordon", node)
    assert len(pods) - 1 <= min(samples.numbers), samples.path()
    postponed = said.stderr.count("would violate the pod's disruption budget")
    assert postponed > 0, said.stderr
    return {
        "pods on the node": there,
        "seconds": round(seconds, 1),
        "ready at least": f"{min(samples.numbers)} of {len(pods)}",
        "evictions postponed": postponed,
    }


def a_rollout_never_has_fewer_pods(cluster: Cluster) -> Saw:
    """A new image, and back to the old one."""
    before = len(cluster.pods(NAMESPACE, SERVICE))
    saw: Saw = {"pods": before}
    for direction, words in {
        "seconds": ("set", "image", f"deployment/{OURS}", f"inventory={NEXT_IMAGE}"),
        "seconds back": ("rollout", "undo", f"deployment/{OURS}"),
    }.items():
        with sampled(cluster) as samples:
            began = time.monotonic()
            cluster.kubectl("-n", NAMESPACE, *words)
            cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{OURS}", "--timeout=240s")
            saw[direction] = round(time.monotonic() - began, 1)
        assert min(samples.numbers) >= before, samples.path()
    return saw


def a_lost_zone_is_made_up_for(cluster: Cluster) -> Saw:
    """The nodes of a zone are lost: the pods start in the other zones."""
    before = len(cluster.pods(NAMESPACE, SERVICE))
    lost = [node for node, zone in NODES.items() if zone == "a"]
    for node in lost:
        cluster.kubectl("taint", "node", node, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
    seconds = wait_for(cluster, before)

    def elsewhere() -> bool:
        pods = _ready(cluster.pods(NAMESPACE, SERVICE))
        return len(pods) == before and not {pod["spec"]["nodeName"] for pod in pods} & set(lost)

    seconds += cluster.wait(elsewhere, "all pods in two zones", limit_s=SCALE_S_MAX)
    for node in lost:
        cluster.kubectl("taint", "node", node, "node.kubernetes.io/out-of-service-")
    return {"pods": before, "seconds": round(seconds, 1)}


SCENES: tuple[Callable[[Cluster], Saw], ...] = (
    every_overlay_is_accepted,
    what_is_wrong_is_refused,
    the_autoscaler_starts_five_in_every_zone,
    a_pod_that_gives_up_no_right_is_refused,
    from_five_to_fifty_by_processor_and_back,
    from_five_to_fifty_by_latency_and_back,
    an_apply_leaves_the_number_of_pods,
    a_drain_takes_one_pod_at_a_time,
    a_rollout_never_has_fewer_pods,
    a_lost_zone_is_made_up_for,
)
