"""What an operator says of each kind of sink."""
