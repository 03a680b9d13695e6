"""Compares a seat group, a waiting list and a holder's ledger after long use with fresh ones."""
