"""Volumes of any size: noise by coordinates, halos, tiles."""
