"""What all packages share; nothing here is about seats."""
