"""Two volumes and more: made comparable, compared, scored against held-out material, ranked. One judge for all."""
