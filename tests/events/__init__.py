"""What every sink promises."""
