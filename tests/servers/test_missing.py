"""Where what a test needs is not there, one line says what to do; in CI the test fails with it."""

from pathlib import Path

import pytest

from verification.servers import go_programs
from verification.servers.fetch import CACHE_VARIABLE, ServersMissingError
from verification.servers.fixtures import MISSING, need


@pytest.mark.parametrize(
    ("kind", "package"),
    [
        ("redis", "redis-server"),
        ("rabbitmq", "rabbitmq-server erlang-base"),
        ("nats", "nats-server"),
        ("chromium", "chromium fonts-liberation"),
    ],
)
def test_one_line_names_the_packages(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    said = str(MISSING[kind]())
    assert package in said
    assert said.endswith("(as root, `make servers` does)")
    assert "\n" not in said


def test_without_kubectl_and_go_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    said = "no kubectl: run `make servers`, which builds it with Go, or install 1.30 or later"
    assert MISSING["kubectl"]() == said
    with pytest.raises(ServersMissingError, match=r"^no go, which builds kubectl: install Go 1\.24 or later"):
        go_programs.fetch_kubectl()


def test_a_kubectl_that_was_built_is_used_where_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    built = go_programs._built_kubectl()
    built.parent.mkdir()
    built.touch()
    assert go_programs.fetch_kubectl() == str(built)
    assert built.is_relative_to(tmp_path)


def test_in_ci_a_test_without_its_browser_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^no chromium: install "):
        need("chromium")
