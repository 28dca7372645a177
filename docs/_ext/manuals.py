"""What programs that cannot be installed here call the values of a metric: from their manuals, without a test."""

#: For each metric: program, its name of the quantity, and how its value follows from ours.
MANUALS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "two_point_correlation": (
        ("CorrelationFunctions.jl", "``s2``", "the same definition; ``Map.s2`` has all lag vectors"),
        ("GooseEYE", "``S2``", "the same definition, over all lag vectors of a window"),
    ),
    "two_point_cluster": (
        ("CorrelationFunctions.jl", "``c2``", "the same definition"),
        ("GooseEYE", "``C2``", "the same definition, of clusters that are given to it"),
    ),
    "lineal_path": (
        ("CorrelationFunctions.jl", "``l2``", "the same definition"),
        ("GooseEYE", "``L``", "the same definition, along lines of any direction"),
    ),
    "specific_surface_area": (
        ("MorphoLibJ", "surface area, 13 directions", "``crofton`` times the volume: it is an area"),
    ),
    "euler_characteristic": (
        ("BoneJ", "Euler characteristic", "``padded`` with ``connectivity_26``, times the volume"),
        ("BoneJ", "Connectivity density", "(1 − Δχ) / volume, where Δχ corrects its Euler characteristic at the edges"),
        ("MorphoLibJ", "Euler number", "``padded`` times the volume, with the connectivity that was chosen"),
    ),
    "local_thickness": (("BoneJ", "Thickness, Tb.Th", "``mean``: also a diameter, in the unit of length"),),
    "permeability": (
        ("Avizo", "Absolute Permeability Experiment Simulation", 'with ``sides="no-slip"``: it closes the sides'),
        ("Avizo", "Absolute Permeability Tensor", "of a periodic volume, driven by a force: ours has end faces"),
    ),
}
