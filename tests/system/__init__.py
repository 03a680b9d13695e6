"""The whole service as a process of its own, asked by real gRPC clients over a socket, stopped and killed."""
