"""What the service says of itself; no use case knows of it."""
