"""When background jobs begin a round, and what they do about errors."""
