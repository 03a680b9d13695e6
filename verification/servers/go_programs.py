"""Programs of Kubernetes that Go builds from a committed module, once: then they are in the cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.servers.fetch import ServersMissingError, cache_folder

KUBERNETES = "v1.34.4"
STAMP = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
KUBECTL = "kubectl"
KUBECTL_MODULE = Path(__file__).with_name(KUBECTL)
BUILD_SECONDS_MAX = 7_200


def build(name: str, package: str, module: Path, folder: Path) -> None:
    """Build one program beside its place, then move it there. The module is copied, since Go may write into it. Raises
    ServersMissingError, CalledProcessError.
    """
    if not shutil.which("go"):
        raise ServersMissingError(f"no go, which builds {name}: install Go 1.24 or later from go.dev")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="travio-go-", dir=folder) as temporary:
        for file in module.iterdir():
            shutil.copy(file, temporary)
        made = Path(temporary) / name
        subprocess.run(
            ["nice", "-n", "19", "go", "build", "-ldflags", STAMP, "-o", str(made), package],  # noqa: S607 - whichever Go there is
            cwd=temporary,
            env=os.environ | {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
            check=True,
            timeout=BUILD_SECONDS_MAX,
        )
        made.rename(folder / name)


def _built_kubectl() -> Path:
    """The place of the one that we build, whether it is there or not."""
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in sorted(KUBECTL_MODULE.iterdir()))).hexdigest()[:12]
    return cache_folder() / f"kubectl-{KUBERNETES}-{digest}" / KUBECTL


def kubectl() -> str:
    """The machine's own, or the one that was built. Raises ServersMissingError without either."""
    if found := shutil.which(KUBECTL):
        return found
    if (built := _built_kubectl()).exists():
        return str(built)
    raise ServersMissingError(f"no {KUBECTL}: run `make servers`, which builds it with Go, or install 1.30 or later")


def kubectl_missing() -> str | None:
    """Why manifests cannot be built here, None if they can."""
    try:
        kubectl()
    except ServersMissingError as missing:
        return str(missing)
    return None


def fetch_kubectl() -> str:
    """The same, built if there is none. Raises ServersMissingError, CalledProcessError."""
    if kubectl_missing():
        place = _built_kubectl()
        build(KUBECTL, "k8s.io/kubernetes/cmd/kubectl", KUBECTL_MODULE, place.parent)
    return kubectl()
