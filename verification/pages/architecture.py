"""Writes the module list of docs/architecture.md: `python -m verification.pages.architecture`."""

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "travio_inventory"
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- modules: written by `make docs` from the first line of each module's docstring -->"
END = "<!-- end of modules -->"


@cache
def modules() -> Sequence[tuple[str, ast.Module]]:
    """Our modules with their paths from the root, each package before its modules. Without generated modules."""
    paths = sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent, path.name != "__init__.py", path))
    return [
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text()))
        for path in paths
        if PACKAGE / "wire" not in path.parents
    ]


def module_list() -> list[str]:
    """One line per module: its path and its docstring's first line. Raises ValueError without one."""
    lines = []
    for path, tree in modules():
        docstring = ast.get_docstring(tree)
        if not docstring:
            raise ValueError(f"{path} does not say what it is for: give it a docstring")
        lines.append(f"- `{path.removesuffix('__init__.py')}` - {docstring.splitlines()[0]}")
    return lines


def parts(document: str, begin: str = BEGIN, end: str = END) -> tuple[str, list[str], str]:
    """What is before the markers, the lines between, what is after. Raises ValueError without both."""
    before, rest = document.split(begin)
    between, after = rest.split(end)
    return before, [line for line in between.splitlines() if line], after


def rewrite(document: str) -> str:
    """The document with today's module list between the markers and nothing else changed."""
    before, _, after = parts(document)
    return before + "\n".join([BEGIN, *module_list(), END]) + after


if __name__ == "__main__":
    DOCUMENT.write_text(rewrite(DOCUMENT.read_text()))
