"""Runs the command line as `python -m travio_inventory.cli`."""

from travio_inventory.cli import main

main()
