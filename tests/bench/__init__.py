"""What a bench measures, believes and says."""
