"""Ids as callers may choose them: any that are allowed, with a liking for what joins and quotes."""

from unicodedata import normalize

from hypothesis import strategies as st

from travio_inventory.kernel.ids import JOINERS, fault_of

AWKWARD = [
    "a,b", "a%2Cb", "%", ",", "~", "a~0~late", "~late", "a/1", "/", "a:b", "{a}", "a b  c", "'", '"a"', "\\n", "-", "*",
    "a|b;c", "é", "বাস-১", "👩\N{ZERO WIDTH JOINER}🚀", "\N{PLACE OF INTEREST SIGN}", "\U0001d538", "কি" * 21, "x" * 128,
    "0", "00", "None", "$1",
]  # fmt: skip
"""Each has tripped somebody up."""

_joining = st.sampled_from("~/,:;|%{}'\"\\-.*[]()=&?#@ 0" + JOINERS)
_any = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])
_composed = st.text(_joining | _any, min_size=1, max_size=12).map(lambda text: normalize("NFC", text))

legal_ids = st.sampled_from(AWKWARD) | _composed.filter(lambda text: not fault_of(text))


def several(count: int) -> st.SearchStrategy[list[str]]:
    """So many different ones."""
    return st.lists(legal_ids, min_size=count, max_size=count, unique=True)
