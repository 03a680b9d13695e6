"""Seats are held in one process and watched in another: when the watchers are told."""
