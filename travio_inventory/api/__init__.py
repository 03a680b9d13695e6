"""How others reach the use cases; what comes in is checked here, before anything of ours runs."""
