"""What a service is set to."""
