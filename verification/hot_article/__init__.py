"""Sells a hot article: how many orders a second one entry takes, and what those cost that come too late."""
