"""When workers begin a round, and what they do about errors."""
