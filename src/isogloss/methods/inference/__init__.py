"""Stage 5: parts that wrap prediction."""
