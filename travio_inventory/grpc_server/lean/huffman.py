"""HPACK's Huffman code, read a byte at a time: what each byte means in each place is worked out when it first comes."""

from typing import Any, Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

_END_OF_TEXT: Final = 256
_PADDING_BITS_MAX: Final = 7

_Node = list[int]
"""The nodes after a bit of 0 and of 1; below 0, the character that ends there, as ~character."""


def _tree() -> list[_Node]:
    nodes: list[_Node] = [[0, 0]]
    for character, (code, bits) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = 0
        for position in range(bits - 1, 0, -1):
            bit = code >> position & 1
            if not nodes[node][bit]:
                nodes.append([0, 0])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][code & 1] = ~character
    return nodes


_NODES: Final = _tree()
_Row = list[Any]
"""What each byte means at a node, once it has come there: the text that it completes, and the row of the node after it.
Behind those 256: whether a text may end at the node, and the node.
"""
_ENDS, _NODE = 256, 257
_ROWS: Final[dict[int, _Row]] = {}
"""By node: at most 256."""


def _places_of_padding() -> frozenset[int]:
    """The nodes where a text may end: within the first seven bits, all 1, of the code for its end."""
    node, places = 0, [0]
    for _ in range(_PADDING_BITS_MAX):
        node = _NODES[node][1]
        places.append(node)
    return frozenset(places)


_MAY_END: Final = _places_of_padding()


def _row(node: int) -> _Row:
    row = _ROWS.get(node)
    if row is None:
        row = _ROWS[node] = [None] * 256 + [node in _MAY_END, node]
    return row


_ROOT: Final = _row(0)


def decode(data: bytes) -> str:
    """The text, a character for each byte of it. Raises ValueError if it is none."""
    row, text = _ROOT, []
    for byte in data:
        step = row[byte]
        if step is None:
            step = _step(row, byte)
        part, row = step
        text.append(part)
    if not row[_ENDS]:
        raise ValueError("a Huffman code is cut off")
    return "".join(text)


def _step(row: _Row, byte: int) -> tuple[str, _Row]:
    """Work out a step and remember it. Raises ValueError at the code that ends all text."""
    node, text = row[_NODE], ""
    for position in range(7, -1, -1):
        node = _NODES[node][byte >> position & 1]
        if node < 0:
            if ~node == _END_OF_TEXT:
                raise ValueError("a Huffman code for the end of text")
            text += chr(~node)
            node = 0
    step = row[byte] = text, _row(node)
    return step
