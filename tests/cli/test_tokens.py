"""Commands against a service that asks who calls."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.typed import EXAMPLES, Type
from travio_inventory.client import BlockingInventoryClient, InventoryClient, PermissionDenied, Unauthenticated
from travio_inventory.client.client import ORGANIZATION_DEFAULT
from verification.kit.service_process import ServiceProcess, serving
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

VARIABLES = {
    "TRAVIO_AUTH": "jwt",
    "TRAVIO_JWT_SECRET": SECRET,
    "TRAVIO_JWT_ISSUER": ISSUER,
    "TRAVIO_JWT_AUDIENCE": AUDIENCE,
}
COACH = "coach-dhaka-coxs-bazar"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that asks who calls."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving(tmp_path_factory.mktemp("strict"), **VARIABLES)) as service,
    ):
        yield service


@pytest.mark.once
def test_a_token_says_who_types(typed: Type, strict: ServiceProcess, tmp_path: Path) -> None:
    def type_as(*words: str, user: str, scope: str) -> str:
        made = typed("token", "--user", user, "--organization", "acme", "--scope", scope, **VARIABLES)
        assert made.status == 0
        file = tmp_path / f"{user}.token"
        file.write_text(made.out)
        answer = typed(*words, "--token-file", str(file), TRAVIO_TARGET=strict.target)
        return f"{answer.status} {answer.out}{answer.err}"

    coach = str(EXAMPLES / "coach.toml")
    refused = type_as("trip", "open", coach, user="ops", scope="admin")
    assert refused.startswith("1 ")
    assert "name the --organization of the token" in refused
    assert type_as("trip", "open", coach, "--organization", "acme", user="ops", scope="admin").startswith("0 ")
    held = type_as("hold", COACH, "dhaka", "chattogram", "seat-A1", "--json", user="ann", scope="hold")
    assert held.startswith("0 ")
    assert '"me"' not in held
    assert "seat-A1" in type_as("holds", "list", user="ann", scope="read")
    assert "seat-A1" not in type_as("holds", "list", user="bob", scope="read")
    assert "ask the operator of the service for that scope" in type_as("holds", "list", user="ann", scope="hold")


def test_without_a_token_a_command_says_what_to_name(typed: Type, strict: ServiceProcess) -> None:
    answer = typed("holds", "list", TRAVIO_TARGET=strict.target)
    assert answer.status == 1
    assert answer.err == (
        "this call needs a token: name a token in TRAVIO_TOKEN, or a file with one with --token-file\n"
    )
    shown = typed("holds", "list", TRAVIO_TARGET=strict.target, TRAVIO_TOKEN=token())
    assert shown.status == 0


def test_a_token_file_that_cannot_be_read_is_named(typed: Type, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, why in (("none", "No such file or directory"), ("empty", "is empty")):
        answer = typed("holds", "list", "--token-file", str(tmp_path / name))
        assert (answer.status, answer.err) == (2, f"--token-file {tmp_path / name}: {why}\n")


def test_what_no_header_can_have_is_no_token_and_is_not_shown(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "token"
    why = "has spaces, line ends or signs beyond ASCII in it, and is not shown"
    for said in ("one\ntwo", "one two", "on\N{LATIN SMALL LETTER E WITH ACUTE}"):
        file.write_text(said)
        of_file = typed("holds", "list", "--token-file", str(file))
        assert (of_file.status, of_file.err) == (2, f"--token-file {file}: {why}\n")
        of_variable = typed("holds", "list", TRAVIO_TOKEN=said)
        assert (of_variable.status, of_variable.err) == (2, f"TRAVIO_TOKEN {why}\n")
        with pytest.raises(ValueError, match=f"^the token {why}$"):
            InventoryClient(token=said)


@pytest.mark.parametrize(("length", "why"), [(30, "No such file or directory"), (300, "File name too long")])
def test_a_token_in_place_of_its_file_is_not_shown(typed: Type, length: int, why: str) -> None:
    answer = typed("holds", "list", "--token-file", "h" * length)
    assert answer.status == 2
    assert answer.err == f"--token-file takes a path; what was given may be the token and is not shown: {why}\n"


def test_tokens_are_made_only_where_they_are_believed(typed: Type) -> None:
    answer = typed("token")
    assert answer.status == 2
    assert "TRAVIO_JWT_SECRET" in answer.err


def test_a_token_is_made_for_scopes_that_there_are(typed: Type) -> None:
    every = "read hold confirm admin stock:read stock:adjust stock:approve stock:reserve stock:admin delegate"
    assert typed("token", "--scope", every, **VARIABLES).status == 0
    wrong = typed("token", "--scope", "read hold confrim", **VARIABLES)
    assert (wrong.status, wrong.out) == (2, "")
    assert wrong.err == f"--scope: there is no scope 'confrim': known are {', '.join(every.split())}\n"


async def test_a_client_shows_its_token_with_every_call_and_a_new_one_when_there_is_one(strict: ServiceProcess) -> None:
    shown = [token(sub="cy"), token(sub="dee"), "nonsense"]

    async def renewed() -> str:
        return shown.pop(0)

    async with InventoryClient(strict.target, token=renewed, attempts_max=1) as inventory:
        assert await inventory.list_holds() == ()
        assert await inventory.list_holds() == ()
        with pytest.raises(Unauthenticated):
            await inventory.list_holds()
    assert shown == []


async def test_a_client_renews_its_token_from_a_file_with_a_line_end(strict: ServiceProcess) -> None:
    shown = [f"{token(sub='cy')}\n", "secret\nof two lines", "\n"]
    async with InventoryClient(strict.target, token=lambda: shown.pop(0), attempts_max=1) as inventory:
        assert await inventory.list_holds() == ()
        with pytest.raises(ValueError, match="is not shown") as refused:
            await inventory.list_holds()
        assert "secret" not in str(refused.value)
        with pytest.raises(ValueError, match="the token is empty"):
            await inventory.list_holds()


async def test_a_client_acts_for_whom_its_token_names_and_for_nobody_else(strict: ServiceProcess) -> None:
    async with InventoryClient(strict.target, token=partial(token, sub="dee")) as inventory:
        assert await inventory.list_holds() == ()
        with pytest.raises(PermissionDenied):
            await inventory.acting_for("bob").list_holds()
        with pytest.raises(PermissionDenied):
            await inventory.acting_for("dee", organization=ORGANIZATION_DEFAULT).list_holds()


def test_the_blocking_client_shows_a_token_too(strict: ServiceProcess) -> None:
    with BlockingInventoryClient(strict.target, token=token(sub="cy")) as inventory:
        assert inventory.list_holds() == ()
    with BlockingInventoryClient(strict.target, attempts_max=1) as inventory, pytest.raises(Unauthenticated):
        inventory.list_holds()
