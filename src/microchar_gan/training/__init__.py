"""Training: real slices, losses, steps, scores and checkpoints."""
