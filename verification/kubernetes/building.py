"""Builds the programs of a control plane with Go, once: ten minutes of two cores, then they are in the cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.servers.fetch import ServersMissingError, cache_folder, install

MODULE = Path(__file__).with_name("programs")
VERSION = "v1.34.4"
STAMP = f"-s -w -X k8s.io/component-base/version.gitVersion={VERSION}"
PACKAGES = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
DEBIAN = {"etcd": "etcd-server", "openssl": "openssl"}
BUILD_SECONDS_MAX = 7_200


def programs() -> Path:
    """The folder of the programs, whether they are built or not."""
    return cache_folder() / f"kubernetes-{VERSION}-{_digest()}"


def _digest() -> str:
    return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(MODULE.rglob("go.*")))).hexdigest()[:12]


def build() -> Path:
    """The folder of the programs, built if they are not there. Raises ServersMissingError, CalledProcessError."""
    if lacking := [program for program in ("go", "kubectl") if not shutil.which(program)]:
        raise ServersMissingError(f"missing: {' '.join(lacking)}")
    install([package for program, package in DEBIAN.items() if not shutil.which(program)])
    folder = programs()
    for name, package in PACKAGES.items():
        if not (folder / name).exists():
            _build(name, package, folder)
    return folder


def _build(name: str, package: str, folder: Path) -> None:
    """Build one program beside its place, then move it there. The module is copied, since Go may write into it."""
    folder.mkdir(parents=True, exist_ok=True)
    module = MODULE / ("kwok" if name == "kwok" else "kubernetes")
    with TemporaryDirectory(prefix="travio-go-", dir=folder) as temporary:
        for file in module.iterdir():
            shutil.copy(file, temporary)
        made = Path(temporary) / name
        subprocess.run(
            ["nice", "-n", "19", "go", "build", "-ldflags", STAMP, "-o", str(made), package],  # noqa: S607 - whichever Go there is
            cwd=temporary,
            env=os.environ | {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local"},
            check=True,
            timeout=BUILD_SECONDS_MAX,
        )
        made.rename(folder / name)
