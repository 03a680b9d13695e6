"""The copy of the tree that has the mutants, and how to read them in it."""

import ast
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = "travio_inventory"
COPIED = (CODE, "verification", "tests", "pyproject.toml", "schema.cql")
NAMES = "mutants.json"
"""The file of the copy that lists the mutants of each module."""
MARK = "__mutmut_"


def modules_of(asked: Sequence[str]) -> Iterator[Path]:
    """The modules of these files and directories, relative to the root."""
    for name in asked:
        path = ROOT / name
        if not path.exists():
            message = f"{name} does not exist: name a module or a directory of {CODE}"
            raise SystemExit(message)
        yield from (each.relative_to(ROOT) for each in (sorted(path.rglob("*.py")) if path.is_dir() else [path]))


def write_tree(tree: Path, modules: Iterable[Path]) -> None:
    """Copy the tree, with these modules mutated."""
    for name in COPIED:
        _copy(ROOT / name, tree / name)
    names = {str(module): _mutate(tree, module) for module in modules}
    (tree / NAMES).write_text(json.dumps(names))


def change(tree: Path, mutant: str) -> str:
    """The lines that a mutant removes and adds."""
    module, _, function = mutant.rpartition(".")
    of_all = {
        node.name: ast.unparse(node).splitlines()[1:]
        for node in ast.walk(ast.parse((tree / f"{module.replace('.', '/')}.py").read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    original = of_all[f"{function.rpartition(MARK)[0]}{MARK}orig"]
    lines = list(unified_diff(original, of_all[function], lineterm="", n=0))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _mutate(tree: Path, module: Path) -> list[str]:
    """Write the module with all its mutants; their names."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - takes long, and few need it

    mutated = mutate_file_contents(str(module), (ROOT / module).read_text())
    (tree / module).write_text(mutated.code)
    dotted = ".".join(module.with_suffix("").parts)
    return [f"{dotted}.{name}" for name in mutated.mutant_names]
