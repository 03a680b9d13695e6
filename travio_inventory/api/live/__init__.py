"""Live seat maps: one feed per trip tells all who watch it what changes, over whatever protocol."""
