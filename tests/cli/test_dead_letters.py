"""Which webhooks the command of dead letters is about."""

from pathlib import Path

from tests.typed import Type


def test_without_a_webhook_it_says_so(typed: Type, tmp_path: Path) -> None:
    answer = typed("events", "dead-letters", TRAVIO_DATA=str(tmp_path), TRAVIO_EVENTS="json-lines")
    assert (answer.status, answer.err) == (2, "TRAVIO_EVENTS has no webhook\n")


def test_events_without_a_command_show_them_and_help_lists_the_commands(typed: Type, tmp_path: Path) -> None:
    alone, whole = typed("events", "--data", str(tmp_path)), typed("events", "show", "--data", str(tmp_path))
    assert alone == whole
    assert "dead-letters" in typed("events", "--help").out
