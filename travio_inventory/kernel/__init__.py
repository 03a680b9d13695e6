"""What everything shares, and nothing of it is about seats."""
