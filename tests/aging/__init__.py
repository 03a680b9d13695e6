"""Tests of verification/aging."""
