"""Where what a test needs is not there, one line says what to do; in CI the test fails with it."""

import pytest

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


def test_in_ci_a_test_without_its_browser_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^no chromium: install "):
        need("chromium")
