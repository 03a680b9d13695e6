"""What a library keeps to itself is used in few modules, each with a test that fails when a version changes it."""

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

import pytest

from verification.pages.architecture import modules

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trees_forgotten")]

INTERNALS = {
    "travio_inventory/client/grpclib_internals.py": "tests/client/test_grpclib_internals.py",
    "travio_inventory/edge/redis_internals.py": "tests/edge/test_redis_internals.py",
    "travio_inventory/events/brokers/aiokafka_internals.py": "tests/events/test_aiokafka_internals.py",
    "travio_inventory/grpc_server/grpclib_internals.py": "tests/grpc_server/test_grpclib_internals.py",
    "travio_inventory/grpc_server/lean/task_at_need.py": "tests/grpc_server/test_task_at_need.py",
    "travio_inventory/grpc_server/h2_internals.py": "tests/grpc_server/test_h2_internals.py",
    "travio_inventory/store/scylla/driver_internals.py": "tests/store/test_driver_internals.py",
}
"""Where it may be used, and what holds it."""
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}
OURS = {"self", "cls", "super"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name not in NAMED_TUPLE


def names_of_ours() -> set[str]:
    """Every private name that the package itself defines, as an attribute, a variable or a method."""
    found: set[str] = set()
    for path, tree in modules():
        if path in INTERNALS:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store(), attr=name):
                    found.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
                case _:
                    pass
    return found


def imported_privates(tree: ast.Module) -> Iterator[str]:
    """Private modules and names that are imported from libraries."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("travio_inventory"):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if is_private(name))


def asked_privates(tree: ast.Module, ours: set[str]) -> Iterator[str]:
    """Private attributes and parameters that no class of ours has."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in OURS:
                continue
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) if is_private(name) and name not in ours:
                yield name


def is_of_a_library(kind: type) -> bool:
    return kind.__module__.split(".")[0] not in {*sys.stdlib_module_names, "travio_inventory"}


@cache
def privates_of(kind: type) -> set[str]:
    """The private names of a library's class: its methods, and what they set up."""
    names = {name for name in vars(kind) if is_private(name)}
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):  # compiled
        return names
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            names |= {node.attr} if is_private(node.attr) else set()
    return names


def inherited_privates(path: str) -> Iterator[str]:
    """Private names of a library's class that a subclass in this module uses, or defines again by chance."""
    name = ".".join(PurePosixPath(path).with_suffix("").parts)
    for kind in vars(importlib.import_module(name)).values():
        if not inspect.isclass(kind) or kind.__module__ != name:
            continue
        theirs = {each for base in kind.__mro__[1:] if is_of_a_library(base) for each in privates_of(base)}
        if not theirs:
            continue
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind)))):
            match node:
                case ast.Attribute(attr=used) | ast.FunctionDef(name=used) | ast.AsyncFunctionDef(name=used):
                    if used in theirs:
                        yield f"{kind.__name__}.{used}"
                case _:
                    pass


@pytest.mark.once
def test_no_other_module_uses_what_a_library_keeps_to_itself() -> None:
    ours = names_of_ours()
    strangers = [
        f"{path}: {name}"
        for path, tree in modules()
        if path not in INTERNALS
        for name in [*imported_privates(tree), *asked_privates(tree, ours)]
    ]
    assert strangers == []


@pytest.mark.once
def test_no_subclass_uses_what_its_base_keeps_to_itself() -> None:
    others = [path for path, _ in modules() if path not in INTERNALS and not path.endswith("__main__.py")]
    assert [f"{path}: {name}" for path in others for name in inherited_privates(path)] == []


@pytest.mark.parametrize(("path", "test"), INTERNALS.items())
def test_what_is_used_is_held_by_a_test(path: str, test: str) -> None:
    assert path in {found for found, _ in modules()}
    name = ".".join(PurePosixPath(test).with_suffix("").parts)
    assert any(each.startswith("test_") for each in vars(importlib.import_module(name)))


def test_a_private_name_is_seen_wherever_it_is_used() -> None:
    tree = ast.parse("from lib._inside import a\nfrom lib import _b\nx._c\nf(_d=1)\nself._own\nrow._replace()\n")
    assert [*imported_privates(tree), *asked_privates(tree, {"_ours"})] == ["_inside", "_b", "_c", "_d"]
    path = "travio_inventory/grpc_server/h2_internals.py"
    assert {"HookedH2._receive_frame", "BoundedFrameBuffer._data"} <= set(inherited_privates(path))
