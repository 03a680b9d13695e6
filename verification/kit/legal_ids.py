"""Ids as callers may choose them: any that are allowed, often with separators and quotes."""

from unicodedata import normalize

from hypothesis import strategies as st

from travio_inventory.kernel.ids import JOINERS, fault_of

AWKWARD = [
    "a,b", "a%2Cb", "%", ",", "~", "a~0~late", "~late", "a/1", "/", "a:b", "{a}", "a b  c", "'", '"a"', "\\n", "-", "*",
    "a|b;c", "é", "বাস-১", "👩\N{ZERO WIDTH JOINER}🚀", "\N{PLACE OF INTEREST SIGN}", "\U0001d538", "কি" * 21, "x" * 128,
    "0", "00", "None", "$1",
]  # fmt: skip
"""Each of these has caused errors somewhere."""

_joining = st.sampled_from("~/,:;|%{}'\"\\-.*[]()=&?#@ 0" + JOINERS)
_any = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])
_composed = st.text(_joining | _any, min_size=1, max_size=12).map(lambda text: normalize("NFC", text))

legal_ids = st.sampled_from(AWKWARD) | _composed.filter(lambda text: not fault_of(text))


def several(count: int) -> st.SearchStrategy[list[str]]:
    """This number of different ids."""
    return st.lists(legal_ids, min_size=count, max_size=count, unique=True)


_ATOMS = ["a", "b", "0", "1", "11", "late", "booked", "held", "0" * 32, "%3A", "é"]
_BETWEEN = ["", *"~/,:;|%{}\"'\\-.*[]()=&?#@ \n\x1f\x00", "~0~", ":0:", "~late", " 0 ", "%2C", "%1F", "\x1f0\x1f"]


@st.composite
def confusable(draw: st.DrawFn) -> list[str]:
    """Five to eight different ids that a careless way of joining would confuse: `a`, `b`, `c`, `a~b`, `b~c` and so on,
    with any allowed separator.
    """
    here, there, beyond = (draw(st.sampled_from(_ATOMS) | legal_ids) for _ in range(3))
    between = draw(st.sampled_from(_BETWEEN))
    mixed = (here + between + there, there + between + beyond, between + here, here + between, between)
    return [text for text in dict.fromkeys((here, there, beyond, *mixed)) if not fault_of(text)]
