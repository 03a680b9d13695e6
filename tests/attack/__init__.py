"""Tests of verification/attack."""
