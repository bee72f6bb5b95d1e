"""Stage 3: objectives, which learn the task."""
