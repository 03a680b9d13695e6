"""How a seat group, a waiting list and a holder's ledger that have seen much compare with fresh ones."""
