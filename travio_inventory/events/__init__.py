"""Events: what happened, told to others."""
