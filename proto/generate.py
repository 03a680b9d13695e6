"""Writes the Python package of the wire contract: `python proto/generate.py FOLDER` replaces FOLDER."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).parent
SOURCES = ["inventory/v1/inventory.proto", "inventory/v1/noop.proto"]


def generate(folder: Path) -> None:
    """Replace `folder` by the generated messages, service classes and `descriptors.binpb` (for reflection).

    Raises subprocess.CalledProcessError where the compiler refuses the sources; `folder` is then empty.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    compile_into = [
        f"--proto_path={PROTO}",
        f"--python_betterproto2_out={folder}",
        "--python_betterproto2_opt=client_generation=async,server_generation=async",
        f"--descriptor_set_out={folder / 'descriptors.binpb'}",
        "--include_imports",
    ]
    # protoc finds its plugin by PATH, and the plugin its formatter, whose settings are in the root.
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    subprocess.run(  # noqa: S603  our own compiler with our own arguments
        [sys.executable, "-m", "grpc_tools.protoc", *compile_into, *SOURCES],
        cwd=PROTO.parent,
        env=os.environ | {"PATH": tools},
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    try:
        generate(Path(sys.argv[1]).resolve())
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.stderr)
