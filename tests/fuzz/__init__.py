"""Tests of verification/fuzz."""
