"""Tests of event sinks."""
