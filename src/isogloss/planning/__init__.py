"""What to expect of a transfer before it is run, and which languages to annotate."""
