"""Comparison of volumes: matching, differences, scores against held-out material, and rankings."""
