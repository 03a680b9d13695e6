"""Tests of verification/simulation."""
