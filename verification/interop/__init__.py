"""Other programs that speak HTTP/2 and gRPC against the service: h2spec, and the clients of other languages."""
