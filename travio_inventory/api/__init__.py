"""How others reach the use cases: what comes in becomes values, which check themselves."""
