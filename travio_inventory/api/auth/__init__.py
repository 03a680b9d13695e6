"""Who calls, whatever the face: what a call shows of its caller becomes an identity, and that makes every Actor."""
