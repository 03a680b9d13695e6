"""That the load tests count exactly, and that their verdict finds every wrong that is planted."""
