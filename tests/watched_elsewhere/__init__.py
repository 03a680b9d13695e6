"""Tests of what is sold in one process and watched in another."""
