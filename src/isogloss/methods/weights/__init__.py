"""Stage 4: rules that make the finished weights out of the snapshots of training."""
