"""The manifests as kubectl builds them, one overlay at a time, and the parts that others ask for."""

import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from verification.servers.go_programs import kubectl

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = tuple(sorted(each.name for each in (FOLDER / "overlays").iterdir()))
OURS = "travio-inventory"
"""The image of all containers of ours, and how the names of their pods' owners begin."""
BUILD_SECONDS_MAX = 60

Document: TypeAlias = dict[str, Any]


class Container(NamedTuple):
    """A container of ours, the one that its pods have; and the pods' owner."""

    owner: Document
    pod: Document
    itself: Document

    @property
    def name(self) -> str:
        """The name of the owner."""
        return str(self.owner["metadata"]["name"])


@cache
def built_text(folder: Path) -> str:
    """All documents of a kustomization, as `kubectl kustomize` writes them. Raises CalledProcessError."""
    command = [kubectl(), "kustomize", str(folder)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=BUILD_SECONDS_MAX).stdout


def built(overlay: str) -> list[Document]:
    """All documents of an overlay."""
    return read(built_text(FOLDER / "overlays" / overlay))


def read(text: str) -> list[Document]:
    """The documents of a text."""
    return [*yaml.load_all(text, yaml.CSafeLoader)]


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    """The documents of one kind, by name."""
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def containers(documents: list[Document]) -> Iterator[Container]:
    """Each container of ours."""
    for owner in documents:
        pod = owner.get("spec", {}).get("template", {}).get("spec", {})
        for each in pod.get("containers", ()):
            if each["image"].partition(":")[0] == OURS:
                yield Container(owner, pod, each)


def environment(documents: list[Document], container: Container) -> Mapping[str, str]:
    """The variables of a container whose values are told, those of its Secrets left out; of the others the source."""
    maps = of_kind(documents, "ConfigMap")
    variables: dict[str, str] = {}
    for source in container.itself.get("envFrom", ()):
        if "configMapRef" in source:
            variables |= maps[source["configMapRef"]["name"]]["data"]
    for each in container.itself.get("env", ()):
        variables[each["name"]] = each["value"] if "value" in each else str(each["valueFrom"])
    return variables


def selects(labels: Mapping[str, str], document: Document) -> bool:
    """Whether pods of this Deployment, StatefulSet or Job have all these labels."""
    own = document["spec"].get("template", {}).get("metadata", {}).get("labels", {})
    return bool(labels.items() <= own.items())
