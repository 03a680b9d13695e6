"""HTTP/2 and gRPC read and written by us, for the calls that are turned away faster than a library could read them."""
