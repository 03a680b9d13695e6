"""The reservation protocol, and the port that it needs: conditional batches."""
