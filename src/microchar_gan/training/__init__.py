"""From real slices to weights: data, losses, steps, scores, checkpoints."""
