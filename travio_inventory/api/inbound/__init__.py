"""Events of other services as a face: their data become values that check themselves, and then use cases."""
