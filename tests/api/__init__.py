"""Tests of the faces through which callers reach the engine."""
