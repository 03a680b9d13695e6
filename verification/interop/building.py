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
    "grpc-go": ".",
    "h2spec": "github.com/summerwind/h2spec/cmd/h2spec",
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    "ghz": "github.com/bojand/ghz/cmd/ghz",
}
GRPC_JS: Final = "grpc-js.js"
BUILD_SECONDS_MAX: Final = 1_800


def go_missing() -> str | None:
    """Why programs of Go cannot be built here, None if they can or are there."""
    if shutil.which("go") or all((_folder("go") / name).exists() for name in GO_PACKAGES):
        return None
    return "no go: install Go 1.26 or later"


def node_missing() -> str | None:
    """Why grpc-js cannot run here, None if it can."""
    lacking = [program for program in NPM_PROGRAMS if not shutil.which(program)]
    return f"no {' and '.join(lacking)}: run `make servers`" if lacking else None


def go_program(name: str) -> Path:
    """The program, built if it is not there. Raises CalledProcessError."""
    return _there_or_built("go", name, _build_with_go)


def grpc_js() -> Path:
    """The script of the client, built if it is not there. Raises CalledProcessError."""
    install([package for program, package in NPM_PROGRAMS.items() if not shutil.which(program)])
    return _there_or_built("node", GRPC_JS, _build_with_npm)


def _folder(language: str) -> Path:
    """Where its programs are, whether they are built or not."""
    sources = sorted(file for file in (PROGRAMS / language).iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    return cache_folder() / f"interop-{language}-{digest}"


def _there_or_built(language: str, name: str, build: Callable[[str, Path], Path]) -> Path:
    """Built beside its place from a copy, since the tools write into their folder, then moved there."""
    folder = _folder(language)
    place = folder / name
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="unfinished-", dir=folder) as temporary:
            copy = Path(shutil.copytree(PROGRAMS / language, Path(temporary, "source")))
            build(name, copy).rename(place)
    return place


def _build_with_go(name: str, folder: Path) -> Path:
    variables = os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
    command = ["nice", "go", "build", "-ldflags", "-s -w", "-o", f"built-{name}", GO_PACKAGES[name]]
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
