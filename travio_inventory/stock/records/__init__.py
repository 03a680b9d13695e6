"""The rows of stock."""
