"""What the inventory promises, put to the test."""
