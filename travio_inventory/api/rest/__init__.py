"""The HTTP faces: routers over the same use cases as gRPC, and the application that serves them."""
