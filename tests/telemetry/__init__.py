"""Tests of figures and logs."""
