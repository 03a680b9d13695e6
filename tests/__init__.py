"""Tests of what the inventory promises."""
