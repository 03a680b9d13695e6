"""A command of the command line, before it is imported."""

from typing import NamedTuple


class Command(NamedTuple):
    """A command: its words, its function, its help, and an example of its arguments; `usage` describes the arguments if
    the function does not.
    """

    words: str
    function: str
    help: str
    example: str = ""
    usage: str = ""
