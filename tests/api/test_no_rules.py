"""A face has no rule of its own: it makes values, and the values check themselves."""

import ast
from collections.abc import Iterator

import pytest

from travio_inventory.client.refusals import KINDS
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest
from verification.pages.architecture import modules

pytestmark = pytest.mark.usefixtures("trees_forgotten")

FACES = ("travio_inventory/api/", "travio_inventory/cli/", "travio_inventory/client/")
REFUSALS = {"Violation", *(kind.__name__ for kind in KINDS.values() if issubclass(kind, InvalidRequest))}
CHECKS = {name for name in vars(Faults) if not name.startswith("_")} - {"at", "finish"}
MAY_REFUSE = {
    "travio_inventory/api/auth/caller.py",  # an organization that is named twice, by two names
    "travio_inventory/api/grpc/decoding.py",  # what can be wrong with a message before it is a value
    "travio_inventory/api/inbound/payloads.py",  # what can be wrong with an event before it is a value
    "travio_inventory/api/inbound/reactions.py",  # segments that are not in order
    "travio_inventory/api/page_tokens.py",  # a token that is none
    "travio_inventory/api/map_sizes.py",  # an answer that is too large to be sent
    "travio_inventory/api/grpc/refusals.py",  # a message that is too large to be read
    "travio_inventory/api/grpc/callers.py",  # two callers of one request
    "travio_inventory/api/grpc/large_messages.py",  # a message of more parts than any value has
    "travio_inventory/api/rest/routes.py",  # a member that an object names twice
    "travio_inventory/api/rest/examples.py",  # the examples of refusals
    "travio_inventory/api/rest/single_values.py",  # two values of what has one
    "travio_inventory/api/rest/native/map_models.py",  # how many questions come together
    "travio_inventory/api/rest/native/trip_requests.py",  # what can be wrong with JSON before it is a value
    "travio_inventory/api/rest/stock/routing.py",  # an If-Match that is no version
    "travio_inventory/client/messages.py",  # a number that no message can carry
    "travio_inventory/client/refusals.py",  # what the service said
}
MAY_KNOW_LIMITS = {
    "travio_inventory/api/grpc/decoding.py",
    "travio_inventory/api/grpc/large_messages.py",  # how much of a large message is looked at
    "travio_inventory/api/inbound/payloads.py",
    "travio_inventory/api/auth/certificates.py",  # whom an operator names
    "travio_inventory/api/rest/native/map_models.py",
    "travio_inventory/api/rest/native/selling_models.py",  # how much of a large body is looked at
    "travio_inventory/api/rest/native/trip_models.py",
    "travio_inventory/api/auth/tokens.py",  # whom a token names, who is then not believed
}


def faces() -> Iterator[tuple[str, ast.Module]]:
    """The modules of every face."""
    return ((path, tree) for path, tree in modules() if path.startswith(FACES))


def refuses(tree: ast.Module) -> bool:
    """Whether the module makes a refusal of a request, or checks a field."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    makes = any(isinstance(call, ast.Name) and call.id in REFUSALS for call in calls)
    collects = "Faults" in {name for _, name in imported(tree)}
    checks = any(isinstance(call, ast.Attribute) and call.attr in CHECKS for call in calls)
    return makes or (collects and checks)


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name with the module that it is imported from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.once
def test_no_face_refuses_a_request_by_a_rule_of_its_own() -> None:
    assert {path for path, tree in faces() if refuses(tree)} == MAY_REFUSE


def test_no_face_knows_what_an_id_is_or_what_the_limits_are() -> None:
    rules = {
        path
        for path, tree in faces()
        for module, name in imported(tree)
        if ("limits" in (module.rpartition(".")[2], name) and module.startswith("travio_inventory.kernel"))
        or name in ("fault_of", "is_plain")
    }
    assert rules == MAY_KNOW_LIMITS
