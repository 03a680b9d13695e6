"""Parts of the hold protocol by themselves: exact times, number of batches and pauses; in memory."""
