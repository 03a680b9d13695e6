"""HPACK's Huffman code, read a byte at a time: what each byte means in each place is worked out when it first comes."""

from typing import Final

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
_STEPS: Final[dict[int, tuple[str, int]]] = {}
"""By node and byte: the text that the byte completes, and the node after it. At most 65,536."""


def _places_of_padding() -> frozenset[int]:
    """The nodes where a text may end: within the first seven bits, all 1, of the code for its end."""
    node, places = 0, [0]
    for _ in range(_PADDING_BITS_MAX):
        node = _NODES[node][1]
        places.append(node)
    return frozenset(places)


_MAY_END: Final = _places_of_padding()


def decode(data: bytes) -> str:
    """The text, a character for each byte of it. Raises ValueError if it is none."""
    node, text = 0, []
    for byte in data:
        step = _STEPS.get(node << 8 | byte)
        if step is None:
            step = _step(node, byte)
        part, node = step
        text.append(part)
    if node not in _MAY_END:
        raise ValueError("a Huffman code is cut off")
    return "".join(text)


def _step(start: int, byte: int) -> tuple[str, int]:
    """Work out a step and remember it. Raises ValueError at the code that ends all text."""
    node, text = start, ""
    for position in range(7, -1, -1):
        node = _NODES[node][byte >> position & 1]
        if node < 0:
            if ~node == _END_OF_TEXT:
                raise ValueError("a Huffman code for the end of text")
            text += chr(~node)
            node = 0
    _STEPS[start << 8 | byte] = text, node
    return text, node
