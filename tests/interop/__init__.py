"""Tests of verification/interop."""
