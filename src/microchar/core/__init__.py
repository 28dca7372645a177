"""What everybody may know, and what knows nobody: volumes, results, units, errors, files, plug-ins."""
