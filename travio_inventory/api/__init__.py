"""How callers reach the use cases: requests become values that check themselves."""
