"""Coverage-guided fuzzing of the lean server: bytes of a peer, changed again and again, and a judge of the answers."""
