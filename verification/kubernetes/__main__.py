"""Tries deploy/kubernetes on a real control plane on this machine, and says what it saw (`make kubernetes`)."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

from verification.kubernetes.control_plane import NotSeenError, control_plane
from verification.kubernetes.scenes import SCENES, Saw
from verification.servers.fetch import ServersMissingError
from verification.servers.go_programs import KUBERNETES
from verification.servers.process import ServerFailedError


def main() -> None:
    """Run the scenes and print a table; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m verification.kubernetes", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON")
    options = parser.parse_args()
    try:
        with TemporaryDirectory(prefix="travio-kubernetes-", ignore_cleanup_errors=True) as folder:
            began = time.monotonic()
            with control_plane(Path(folder)) as cluster:
                _say(f"Kubernetes {KUBERNETES} is up after {time.monotonic() - began:.0f} s\n")
                seen: dict[str, Saw] = {}
                for scene in SCENES:
                    name = scene.__name__.replace("_", " ")
                    seen[name] = scene(cluster)
                    _say(f"{name}: {shown(seen[name])}\n")
    except (ServersMissingError, ServerFailedError, CalledProcessError, NotSeenError, AssertionError) as failed:
        told = failed.stderr if isinstance(failed, CalledProcessError) else ""
        sys.exit(f"kubernetes: {type(failed).__name__}: {failed}\n{told}")
    sys.stdout.write(json.dumps(seen, indent=2) + "\n" if options.json else table(seen))


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def shown(saw: Mapping[str, object]) -> str:
    """What a scene saw, in a few words."""
    return ", ".join(f"{name} {_short(value)}" for name, value in saw.items())


def _short(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def table(seen: Mapping[str, Saw]) -> str:
    """A table for the docs."""
    rows = [f"| {name} | {shown(saw)} |" for name, saw in seen.items()]
    return "\n".join(["| tried | seen |", "| --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    main()
