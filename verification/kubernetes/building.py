"""Builds the programs of a control plane with Go, once: ten minutes of two cores, then they are in the cache."""

import hashlib
import shutil
from pathlib import Path

from verification.servers.fetch import cache_folder, install
from verification.servers.go_programs import KUBERNETES, fetch_kubectl
from verification.servers.go_programs import build as go_build

MODULE = Path(__file__).with_name("programs")
PACKAGES = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
DEBIAN = {"etcd": "etcd-server", "openssl": "openssl"}


def programs() -> Path:
    """The folder of the programs, whether they are built or not."""
    return cache_folder() / f"kubernetes-{KUBERNETES}-{_digest()}"


def _digest() -> str:
    return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(MODULE.rglob("go.*")))).hexdigest()[:12]


def build() -> Path:
    """The folder of the programs, built if they are not there. Raises ServersMissingError, CalledProcessError."""
    fetch_kubectl()
    install([package for program, package in DEBIAN.items() if not shutil.which(program)])
    folder = programs()
    for name, package in PACKAGES.items():
        if not (folder / name).exists():
            go_build(name, package, MODULE / ("kwok" if name == "kwok" else "kubernetes"), folder)
    return folder
