"""Stage 1: parts that change the text."""
