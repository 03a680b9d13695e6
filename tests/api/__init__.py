"""How others reach the engine."""
