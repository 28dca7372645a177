"""Volumes of any size from a network: noise by coordinates, halos, tiles, volumes around a slice."""
