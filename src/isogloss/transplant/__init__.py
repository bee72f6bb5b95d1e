"""Another tokenizer for a pretrained network: new vocabularies, and rows for their tokens."""
