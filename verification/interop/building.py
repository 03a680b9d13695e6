"""Builds what other languages bring, once: programs of Go, a minute or two of a core, and a script with grpc-js."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from verification.servers.fetch import NPM_PROGRAMS, cache_folder, install

PROGRAMS: Final = Path(__file__).with_name("programs")
GO_PACKAGES: Final = {
    "grpc-go": ("go", "."),
    "h2spec": ("go", "github.com/summerwind/h2spec/cmd/h2spec"),
    "grpcurl": ("go", "github.com/fullstorydev/grpcurl/cmd/grpcurl"),
    "ghz": ("go", "github.com/bojand/ghz/cmd/ghz"),
    "datadog-agent": ("datadog", "."),
}
"""Each with the folder of its module, and its package."""
GRPC_JS: Final = "grpc-js.js"
BUILD_SECONDS_MAX: Final = 1_800


def go_missing() -> str | None:
    """Why programs of Go cannot be built here, None if they can or are there."""
    if shutil.which("go") or all((_folder(module) / name).exists() for name, (module, _) in GO_PACKAGES.items()):
        return None
    return "no go: install Go 1.26 or later"


def node_missing() -> str | None:
    """Why grpc-js cannot run here, None if it can."""
    lacking = [program for program in NPM_PROGRAMS if not shutil.which(program)]
    return f"no {' and '.join(lacking)}: run `make servers`" if lacking else None


def go_program(name: str) -> Path:
    """The program, built if it is not there. Raises CalledProcessError."""
    module, _ = GO_PACKAGES[name]
    return _there_or_built(module, name, _build_with_go)


def grpc_js() -> Path:
    """The script of the client, built if it is not there. Raises CalledProcessError."""
    install([package for program, package in NPM_PROGRAMS.items() if not shutil.which(program)])
    return _there_or_built("node", GRPC_JS, _build_with_npm)


def _folder(module: str) -> Path:
    """Where its programs are, whether they are built or not."""
    sources = sorted(file for file in (PROGRAMS / module).iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    return cache_folder() / f"interop-{module}-{digest}"


def _there_or_built(module: str, name: str, build: Callable[[str, Path], Path]) -> Path:
    """Built beside its place from a copy, since the tools write into their folder, then moved there."""
    folder = _folder(module)
    place = folder / name
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="unfinished-", dir=folder) as temporary:
            copy = Path(shutil.copytree(PROGRAMS / module, Path(temporary, "source")))
            build(name, copy).rename(place)
    return place


def _build_with_go(name: str, folder: Path) -> Path:
    variables = os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    _, package = GO_PACKAGES[name]
    command = ["nice", "go", "build", "-ldflags", "-s -w", "-o", f"built-{name}", package]
    subprocess.run(command, cwd=folder, env=variables, check=True, timeout=BUILD_SECONDS_MAX)
    return folder / f"built-{name}"


def _build_with_npm(name: str, folder: Path) -> Path:
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--silent"],  # noqa: S607 - on the PATH
        cwd=folder, check=True, timeout=BUILD_SECONDS_MAX,
    )  # fmt: skip
    bundle = ["--bundle", "--platform=node", "--log-level=warning", f"--outfile={name}"]
    subprocess.run([folder / "node_modules/.bin/esbuild", "client.js", *bundle], cwd=folder, check=True)
    return folder / name
