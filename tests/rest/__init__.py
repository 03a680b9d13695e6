"""The native HTTP face, its problems and its description."""
