"""The steps of a hold, one a module: each is one conditional batch on the hold's home, and that is its commit."""
