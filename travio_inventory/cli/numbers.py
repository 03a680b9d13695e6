"""Numbers among the words of a command: digits, as everywhere else."""

import re
from collections.abc import Sequence
from typing import Any

from cyclopts import Token, convert

_WHOLE = re.compile("-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def read_words(kind: Any, words: Sequence[Token]) -> Any:  # noqa: ANN401 - as cyclopts has it
    """What the words of an option or an argument mean. Python takes `1_0`, ` 10` and full-width digits for numbers, and
    cyclopts 2.5 for a whole one: neither is what a person means who writes it. Raises CycloptsError.
    """
    return convert(kind, words, _read)


def _read(kind: type[Any], word: str) -> Any:  # noqa: ANN401 - see above
    form = {int: _WHOLE, float: _DECIMAL}.get(kind)
    if form is not None and not form.fullmatch(word):
        raise ValueError(word)
    return convert(kind, [word])
