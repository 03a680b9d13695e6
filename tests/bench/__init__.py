"""Tests of the benches: what they measure, believe and report."""
