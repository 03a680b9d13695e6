"""Tests that the load tests count exactly, and that their verdict finds every planted error."""
