"""Checks the tree against its own rules: the module list, the size of functions and files, what may be named."""

import ast
import fnmatch
import os
import re
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import pytest

from verification.pages.architecture import DOCUMENT, ROOT, module_list, modules, parts
from verification.servers.fetch import FETCHED

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trees_forgotten")]

KIT = ROOT / "verification" / "kit"
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_P95 = 40
FILE_LINES_MAX = 399
GENERATED = ROOT / "travio_inventory" / "wire"
NOT_OURS = {".git", ".venv", ".venv-newest", "build", "data", "dist", "mutants", "__pycache__", ".hypothesis"}
# Written so that this file does not name them itself.
UNWANTED = re.compile(
    r"pypi[.]org|pythonhosted[.]org|repo1[.]maven[.]org|repo[.]maven[.]apache[.]org|registry[.]npmjs[.]org"
    r"|proxy[.]golang[.]org|[/]root/|[/]home/\w|[/]work/(?:main|shared)|[.][.]/shared"
)

# Each as a whole word or phrase, in brackets where this file would match itself.
OLD_WORDS = re.compile(
    r"\b(?:[A]skAgain|[F]inalNo|[R]edisAway|[N]othingService|[O]penMinutes|[H]intMemory|[Y]ardsticks?|[y]ardsticks?"
    r"|[b]urn(?:s|t|ed|ing)?|[w]hoever is told|[t]o be had|[m]achine's mood|[a]gain is the same|[r]ides from"
    r"|[h]imself|[w]hereof|[f]or who is|[b]y who had|[w]hat became of|[w]ho asks"
    r"|[a]nswered a no|[i]s told of once|[h]ow fast a no)\b"
)
ONE_MEANING = {"Answer", "Told", "Line", "Lines", "Channels"}
"""Names of classes that once meant several things each."""


def functions() -> Iterator[tuple[str, int]]:
    """Each function of the package with its length in lines."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def files(pattern: str) -> Iterator[Path]:
    """The project's own files of that kind; not what tools leave in the folder."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("_cache")]
        yield from (Path(folder, name) for name in fnmatch.filter(names, pattern) if name not in NOT_OURS)


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.once
def test_the_document_lists_every_module_with_its_own_words() -> None:
    _, listed, _ = parts(DOCUMENT.read_text())
    assert listed == module_list(), "run `make docs`"


def test_no_function_is_longer_than_a_screen() -> None:
    assert [name for name, lines in functions() if lines > FUNCTION_LINES_MAX] == []


def test_nearly_all_functions_are_much_shorter() -> None:
    lengths = sorted(lines for _, lines in functions())
    assert lengths[ceil(0.95 * len(lengths)) - 1] <= FUNCTION_LINES_P95


def test_no_file_is_longer_than_can_be_read_in_one_sitting() -> None:
    own = [path for path in files("*.py") if GENERATED not in path.parents]
    assert len(own) > 500
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in own}
    assert {path: count for path, count in lines.items() if count > FILE_LINES_MAX} == {}


@pytest.mark.parametrize(
    ("layer", "allowed"),
    [
        ("kernel", ("travio_inventory.kernel", "cachetools")),
        ("seats", ("travio_inventory.kernel", "travio_inventory.protocol", "travio_inventory.seats", "anyio")),
        ("stock", ("travio_inventory.kernel", "travio_inventory.protocol", "travio_inventory.stock")),
        ("protocol", ("travio_inventory.kernel", "travio_inventory.protocol", "anyio")),
    ],
)
def test_the_inner_layers_import_nothing_from_outside(layer: str, allowed: tuple[str, ...]) -> None:
    inside = [(path, tree) for path, tree in modules() if path.startswith(f"travio_inventory/{layer}/")]
    assert inside
    strangers = [
        f"{path} imports {name}"
        for path, tree in inside
        for name in imports(tree)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == own or name.startswith(own + ".") for own in allowed)
    ]
    assert strangers == []


@pytest.mark.parametrize(
    ("folder", "strangers"),
    [
        ("travio_inventory", {"tests", "verification", "load_test"}),
        ("load_test", {"tests", "verification"}),
        ("verification", {"tests"}),
        ("verification/kit", {"tests", "verification.simulation", "verification.chaos", "verification.attack"}),
    ],
)
def test_programs_know_nothing_of_tests_and_the_product_of_neither(folder: str, strangers: set[str]) -> None:
    """The kit knows nothing of the programs that use it."""
    inside = {path: path.read_text() for path in (ROOT / folder).rglob("*.py")}
    assert inside
    named = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path, text in inside.items()
        if any(stranger in text for stranger in strangers)
        for name in imports(ast.parse(text))
        for stranger in strangers
        if f"{name}.".startswith(f"{stranger}.")
    }
    assert named == set()


def test_the_map_of_tests_names_every_suite_and_every_program() -> None:
    page = (ROOT / "tests" / "README.md").read_text()
    programs = [path.parent.name for path in (ROOT / "verification").glob("*/__main__.py")]
    suites = [path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")]
    assert programs
    assert suites
    assert [
        name for name in [*programs, *suites] if not {f"`{name}`", f"`{name}/`"} & set(re.findall("`[^`]*`", page))
    ] == []


def test_the_kit_says_what_is_in_it() -> None:
    said = ast.get_docstring(ast.parse((KIT / "__init__.py").read_text())) or ""
    assert [path.stem for path in KIT.glob("[a-z]*.py") if f"`{path.stem}`" not in said] == []


def test_the_tests_of_every_part_of_the_seats_are_named() -> None:
    said = (ROOT / "tests" / "README.md").read_text()
    parts_of_it = [path for path in (ROOT / "travio_inventory" / "seats").iterdir() if not path.name.startswith("__")]
    names = [path.name if path.is_file() else f"{path.name}/" for path in parts_of_it]
    assert [name for name in names if f"`{name}`" not in said and f"`seats/{name}`" not in said] == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    named = {
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in files("*")
        for found in UNWANTED.finditer(path.read_bytes().decode(errors="replace"))
    }
    assert named == set()


def test_what_is_fetched_or_built_for_tests_is_not_committed() -> None:
    assert f"{FETCHED.name}/" in (ROOT / ".gitignore").read_text().splitlines()


def test_old_words_stay_away() -> None:
    """In code, help, messages, documents and decisions; only the page of proofs keeps what was said."""
    documents = {path for path in files("*.md") if path != ROOT / "docs" / "proof.md"}
    code = {path for path in (*files("*.py"), *files("*.proto")) if GENERATED not in path.parents}
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in [*documents, *code]
        for match in OLD_WORDS.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_class_has_a_name_that_says_which_one_it_is() -> None:
    classes = {node.name for _, tree in modules() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    assert classes & ONE_MEANING == set()
