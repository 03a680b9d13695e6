"""The copy of the tree that has the mutants, and how to read them in it."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = "travio_inventory"
COPIED = (CODE, "verification", "tests", "pyproject.toml", "schema.cql")
NAMES = "mutants.json"
"""The file of the copy that lists the mutants of each module."""
MARK = "__mutmut_"
PAGE = ROOT / "docs" / "mutants.md"
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def modules_of(asked: Sequence[str]) -> Iterator[Path]:
    """The modules of these files and directories, relative to the root."""
    for name in asked:
        path = ROOT / name
        if not path.exists():
            message = f"{name} does not exist: name a module or a directory of {CODE}"
            raise SystemExit(message)
        yield from (each.relative_to(ROOT) for each in (sorted(path.rglob("*.py")) if path.is_dir() else [path]))


def write_tree(tree: Path, modules: Iterable[Path], only_changed: bool) -> None:
    """Copy the tree, with these modules mutated; `only_changed`: those functions that are not as they were judged."""
    for name in COPIED:
        _copy(ROOT / name, tree / name)
    names = {
        str(module): list(_mutate(tree, module, judged_functions(module) if only_changed else {})) for module in modules
    }
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


def _mutate(tree: Path, module: Path, judged: Mapping[str, str]) -> Iterator[str]:
    """Write the module with all its mutants; the names of those in functions that were not judged as they are now."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - takes long, and few need it

    text = (ROOT / module).read_text()
    mutated = mutate_file_contents(str(module), text)
    (tree / module).write_text(mutated.code)
    now = functions_in(text)
    for name in mutated.mutant_names:
        function = name.rpartition(MARK)[0]
        if function not in judged or now[function] != judged[function]:
            yield f"{'.'.join(module.with_suffix('').parts)}.{name}"


def judged_functions(module: Path) -> Mapping[str, str]:
    """The functions of the module as its mutants were judged (docs/mutants.md); none if they never were."""
    row = re.search(rf"^\| `{module.relative_to(CODE)}` .*`(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    if row is None:
        return {}
    asked = ["git", "show", f"{row[1]}:{module}"]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode:
        message = f"{module} was judged at {row[1]} ({PAGE.name}), which this clone does not know: {shown.stderr}"
        raise SystemExit(message)
    return functions_in(shown.stdout)


def functions_in(text: str) -> Mapping[str, str]:
    """What each function of a module does, without its comments and docstring, by the name that mutmut gives it."""
    functions = dict[str, str]()
    for node in ast.parse(text).body:
        if isinstance(node, _FUNCTIONS):
            functions[f"x_{node.name}"] = _done_by(node)
        elif isinstance(node, ast.ClassDef):
            functions |= {
                f"xǁ{node.name}ǁ{each.name}": _done_by(each) for each in node.body if isinstance(each, _FUNCTIONS)
            }
    return functions


def _done_by(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if ast.get_docstring(function):
        function.body = function.body[1:] or [ast.Pass()]
    return ast.unparse(function)
