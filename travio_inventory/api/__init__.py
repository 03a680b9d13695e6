"""How others reach the engine; what comes in is checked here, before anything of ours runs."""
