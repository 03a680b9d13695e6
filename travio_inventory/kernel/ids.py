"""What an id may be: one rule for all ids, in every API."""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import category, is_normalized

from travio_inventory.kernel.limits import ID_BYTES_MAX

JOINERS: Final = "\u200c\u200d"
"""Invisible, but scripts and emoji are spelled with them."""
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control and format characters, lone surrogates, separators of lines and paragraphs."""


is_plain: Final = re.compile(f"[!-~]{{1,{ID_BYTES_MAX}}}").fullmatch
"""Whether a text is obviously an id, as most are: visible ASCII, without a space."""


def fault_of(text: str) -> str:
    """What is wrong with an id, "" if nothing.

    Ids are stored, compared and returned byte for byte. So that no two ids look the same, an id is refused, not
    corrected, if it is not in Unicode's composed form, has invisible characters, or has white space at an end.
    """
    if is_plain(text):
        return ""
    if not text:
        return "must not be empty"
    if len(text) > ID_BYTES_MAX:  # a text of millions of signs is not looked at one by one
        return f"must have at most {ID_BYTES_MAX} bytes"
    if any(category(sign) in UNSEEN and sign not in JOINERS for sign in text):
        return "must not have control characters or other invisible ones"
    if len(text.encode()) > ID_BYTES_MAX:
        return f"must have at most {ID_BYTES_MAX} bytes"
    if text != text.strip():
        return "must not begin or end with white space"
    if not is_normalized("NFC", text):
        return "must be in Unicode's composed form (NFC): another spelling of the same name would be another id"
    return ""


def join_ids(ids: Iterable[str]) -> str:
    """The ids in one text, which `split_ids` splits again; only commas and per cent signs are escaped."""
    return ",".join(each.replace("%", "%25").replace(",", "%2C") for each in ids)


def split_ids(text: str) -> list[str]:
    """The ids that `join_ids` has joined; no id is empty."""
    return [each.replace("%2C", ",").replace("%25", "%") for each in text.split(",") if each]
