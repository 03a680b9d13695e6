"""Tests of verification/mutants."""
