"""Basic types that every other package uses and that use no other package: volumes, results, units, errors, files."""
