"""Writes the Python package of the wire contract: `python proto/generate.py FOLDER` replaces FOLDER."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).parent
SOURCES = ["inventory/v1/inventory.proto", "inventory/v1/noop.proto", "stock/v1/stock.proto"]
PACKAGES = ["inventory/v1", "stock/v1"]

DATACLASS = "@dataclass(eq=False, repr=False)"
MESSAGE = re.compile(rf"{re.escape(DATACLASS)}(.*?)(?=\n\ndefault_message_pool)", re.DOTALL)
NAMED = re.compile(r'^class (\w+)\(betterproto2\.Message\):\n(?!    """)', re.MULTILINE)
FIELD = re.compile(r'^    (\w+): "(.+)" = betterproto2\.field\(', re.MULTILINE)
UNSET = {"str": '""', "int": "0", "float": "0.0", "bool": "False", "bytes": 'b""'}


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
    for package in PACKAGES:
        messages = folder / package / "__init__.py"
        messages.write_text(MESSAGE.sub(_with_constructor, messages.read_text()))


def _with_constructor(message: re.Match[str]) -> str:
    """The message with its constructor written out, and a docstring if it has none: `dataclass` would make both at each
    start of a process.
    """
    fields = FIELD.findall(message[1])
    documented = NAMED.sub(r'\g<0>    """\1."""\n\n', message[1])
    return "\n".join(
        [
            f"{DATACLASS[:-1]}, init=False){documented.rstrip()}",
            "",
            "    def __init__(",
            "        self,",
            *(f"        {name}: {_parameter(kind)}," for name, kind in fields),
            "    ) -> None:",
            *(f"        self.{name} = {_value(name, kind)}" for name, kind in fields),
            "        self.__post_init__()",
            "",
        ]
    )


def _parameter(kind: str) -> str:
    return f'"{kind} | None" = None' if _own(kind) else f'"{kind}" = {_unset(kind)}'


def _value(name: str, kind: str) -> str:
    return f"{_own(kind)} if {name} is None else {name}" if _own(kind) else name


def _own(kind: str) -> str:
    """An empty list or map, which each message has for itself; nothing for a field of another kind."""
    return {"list": "[]", "dict": "{}"}.get(kind.partition("[")[0], "")


def _unset(kind: str) -> str:
    """What a field has that is not set; of what is neither optional nor known here, an enumeration, the number 0."""
    return "None" if kind.endswith(" | None") else UNSET.get(kind, f"{kind}(0)")


if __name__ == "__main__":
    try:
        generate(Path(sys.argv[1]).resolve())
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.stderr)
