"""Tests of verification/chaos."""
