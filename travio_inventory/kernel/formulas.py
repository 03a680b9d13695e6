"""Texts in CSV that a spreadsheet would take for formulas."""

from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@")


def no_formula(text: str) -> str:
    """The text as a spreadsheet shows it: behind a quotation mark where it would be a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
