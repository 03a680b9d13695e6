"""What every publisher promises."""
