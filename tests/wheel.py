"""The package as its users get it: a wheel, built here and installed into a folder of its own."""

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
        return own | {"PYTHONPATH": str(self.folder), "PATH": path}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this tree, installed."""
    folder = tmp_path_factory.mktemp("wheel")
    _run("hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (wheel,) = folder.glob("*.whl")
    own = ("--no-deps", "--no-index", "--disable-pip-version-check", "--root-user-action", "ignore")
    _run("pip", "install", "--quiet", *own, "--target", str(folder / "installed"), str(wheel))
    return Installed(folder / "installed")


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=True, capture_output=True)
