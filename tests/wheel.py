"""The package as its users get it: a wheel, built here and installed into a folder of its own."""

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Installed:
    """The folder that the wheel was installed into; what it depends on is taken from this environment."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which Python and the shell find the wheel's package and command before all others."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRAVIO_")}
        path = os.pathsep.join([str(self.folder / "bin"), own["PATH"]])
        return own | {
            "PYTHONPATH": str(self.folder),
            "PATH": path,
            "TRAVIO_HTTP_PORT": "off",
            "TRAVIO_METRICS_PORT": "off",
        }


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Installed:
    """The wheel of this tree, installed by the first worker that needs it."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    folder = shared / "wheel" / "installed"
    with (shared / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(folder)
    return Installed(folder)


def _install(folder: Path) -> None:
    _run("hatchling", "build", "--target", "wheel", "--directory", str(folder.parent))
    (wheel,) = folder.parent.glob("*.whl")
    own = ("--no-deps", "--no-index", "--disable-pip-version-check", "--root-user-action", "ignore")
    _run("pip", "install", "--quiet", *own, "--target", str(folder), str(wheel))


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=True, capture_output=True)
