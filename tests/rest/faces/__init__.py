"""Events and showtimes over a real socket: what their clients send, and every member that they read."""
