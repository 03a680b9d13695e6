"""Asks who typed a command whether it is meant."""

import sys
from typing import Final

NOBODY: Final = "nobody is there to be asked: say --yes"


def may_ask() -> bool:
    """Whether somebody is there: what is piped in is no answer."""
    return sys.stdin.isatty()


def answer_to(question: str) -> str:
    """What is typed then, "" where the input ends; the question is no output of the command."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.stderr.write("\n")
    return line.strip()
