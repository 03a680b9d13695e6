"""Tests of what every edge promises, and of what only some promise."""
