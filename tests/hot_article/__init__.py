"""Tests of the sale of a hot article."""
