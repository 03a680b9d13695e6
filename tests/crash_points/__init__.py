"""Tests of verification/crash_points."""
