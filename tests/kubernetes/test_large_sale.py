"""The component for a large sale: as many pods as docs/capacity.md asks for, and nothing else."""

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.test_manifests import VERSIONS, validated
from verification.kubernetes import manifests
from verification.kubernetes.manifests import FOLDER, OURS, ROOT, built, of_kind

pytestmark = pytest.mark.usefixtures("kubectl")

CAPACITY = ROOT / "docs" / "capacity.md"


def test_a_large_sale_is_a_component_with_the_pods_that_its_capacity_asks_for(tmp_path: Path) -> None:
    relative = os.path.relpath(FOLDER, tmp_path.resolve())
    components = [f"{relative}/components/large-sale"]
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": [f"{relative}/overlays/production"], "components": components})
    )
    text = manifests.built_text(tmp_path)
    documents = manifests.read(text)
    assert validated(text, VERSIONS[0], tmp_path).returncode == 0
    assert [each["kind"] for each in documents if each not in built("production")] == ["HorizontalPodAutoscaler"]
    needed = re.search(r"\| \*\*(\d+)\*\* at 70 %; (\d+) if one of three zones may fail", CAPACITY.read_text())
    assert needed is not None
    scaler = of_kind(documents, "HorizontalPodAutoscaler")[OURS]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (int(needed[1]), int(needed[2]))
