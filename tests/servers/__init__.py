"""Tests of verification/servers."""
