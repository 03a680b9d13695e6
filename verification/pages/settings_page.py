"""Writes docs/settings.md, what each setting does: `python -m verification.pages.settings_page`."""

from collections.abc import Iterator

from travio_inventory.settings import listed, load_settings
from verification.pages.architecture import ROOT

DOCUMENT = ROOT / "docs" / "settings.md"
HEAD = """# Settings
Variables of the environment. `travio-inventory settings` lists them as they stand and where each value comes from; a
wrong or unknown one stops the start with one line. Written by `make docs` from `travio_inventory/settings/`.

| variable | default | what it does | allowed |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole document, independent of the environment."""
    return HEAD + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    for setting in listed(load_settings()):
        name = f"`{setting.name}`" + (f", `{setting.also}`" if setting.also else "")
        default = f"`{setting.default}`" if setting.default else "unset"
        yield f"| {name} | {default} | {_cell(setting.description)} | {_cell(setting.allowed)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(page())
