"""Tests of live seat maps: what watchers are told, whatever happens."""
