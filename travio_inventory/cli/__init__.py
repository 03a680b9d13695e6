"""The command line: what an operator types."""


def main() -> None:
    """Run the command that the program's arguments name, and exit with its status."""
    from travio_inventory.cli.commands import build  # noqa: PLC0415 - a test or a bench imports one module only

    build()()
