"""What programs that were not run here call the values of a metric: from their documentation or source, untested."""

_JULIA = "https://github.com/fatimp/CorrelationFunctions.jl"
#: On conda-forge only, like PuMA: the pumapy of PyPI is another program.
_GOOSE = "https://github.com/tdegeus/GooseEYE"
_MATBOX = "https://github.com/NREL/MATBOX_Microstructure_analysis_toolbox"
_PUMA = "https://github.com/nasa/puma"
_MORPHOLIBJ = "https://github.com/ijpb/MorphoLibJ"
_BONEJ = "https://imagej.github.io/plugins/bonej"
_GEODICT = "https://geodict-userguide.math2market.de/2025"
#: Version 9.4, as a user of it serves its documentation.
_AVIZO = (
    "http://cvmfs-release01.gridpp.rl.ac.uk/cvmfsmonitor/repository/facilities.gridpp.ac.uk/common/Avizo/9.4.0"
    "/share/doc/html"
)

#: For each metric: program, address, its name of the quantity, and how its value follows from ours.
MANUALS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "volume_fraction": (
        ("BoneJ", _BONEJ, "Area/Volume fraction, BV/TV", "the same"),
        ("GeoDict", f"{_GEODICT}/matdict_structureinformation.html", "Porosity, solid volume fraction", "the same"),
        ("PuMA", _PUMA, "``compute_volume_fraction``", "the same"),
    ),
    "specific_surface_area": (
        (
            "GeoDict",
            f"{_GEODICT}/matdict_materialcharacterization_estimatesurface_results.html",
            "Specific surface area, algorithm 1 and 2",
            "1: ``faces``; 2: about ``crofton`` (also Crofton's formula, without half a voxel at each side)",
        ),
        ("MATBOX", _MATBOX, "Sp, direct counting", "``faces``, times a corrective factor (it suggests 2/3)"),
        ("MATBOX", _MATBOX, "Sp per volume of the phase", "the same, divided by the volume fraction"),
        (
            "MorphoLibJ",
            _MORPHOLIBJ,
            "surface area density, 13 directions",
            "about ``crofton``: pairs of voxels in the faces of the volume count less",
        ),
        ("MorphoLibJ", _MORPHOLIBJ, "surface area, 13 directions", "``crofton`` times the volume: it is an area"),
        (
            "PuMA",
            _PUMA,
            "``compute_surface_area``, second value",
            "``marching_cubes``, unless ``flag_gaussian`` smooths the image before",
        ),
    ),
    "interfacial_area": (
        ("MATBOX", _MATBOX, "Specific interface area", "``faces``, times a corrective factor (2/3)"),
        (
            "MorphoLibJ",
            _MORPHOLIBJ,
            "interface surface area, 13 directions",
            "about ``crofton`` times the volume: it is an area",
        ),
    ),
    "triple_phase_boundary": (
        ("MATBOX", _MATBOX, "TPBL density", "``edges``, times a corrective factor (it recommends 1/1.455)"),
    ),
    "two_point_correlation": (
        (
            "CorrelationFunctions.jl",
            _JULIA,
            "``s2``",
            "the same; its first value is at our lag 0. ``Map.s2`` has all lag vectors",
        ),
        (
            "GooseEYE",
            _GOOSE,
            "``S2``",
            "the same, over all lag vectors of a window; periodic unless ``periodic=False``",
        ),
    ),
    "two_point_cluster": (
        ("CorrelationFunctions.jl", _JULIA, "``c2``", "the same; its first value is at our lag 0"),
        (
            "GooseEYE",
            _GOOSE,
            "``C2``",
            "the same, of clusters that are given to it; periodic unless ``periodic=False``",
        ),
    ),
    "lineal_path": (
        ("CorrelationFunctions.jl", _JULIA, "``l2``", "the same; its first value is at our lag 0"),
        (
            "GooseEYE",
            _GOOSE,
            "``L``",
            "the same if ``periodic``, which is its default; else times :math:`(N - k) / N` at lag :math:`k`, because "
            "it divides by all :math:`N` voxels of a line. Also along lines of other directions",
        ),
    ),
    "chord_length_distribution": (
        (
            "CorrelationFunctions.jl",
            _JULIA,
            "``chord_length``",
            "the list of the lengths in voxels, of the chords with both ends inside: the same chords",
        ),
        (
            "GeoDict",
            f"{_GEODICT}/porodict_chordlengthdistribution.html",
            "Chord Length Distribution",
            "the same chords along the axes; it has diagonals, too. Endless chords of periodic volumes are left out",
        ),
        (
            "MATBOX",
            _MATBOX,
            "Chord length",
            "the same chords, but each counts as often as it has voxels; its result is the diameter of the spheres "
            "whose chords are most alike",
        ),
        (
            "PuMA",
            _PUMA,
            "``compute_mean_intercept_length``",
            "larger than ``mean_length``: all voxels of the phase, also of the chords that the boundary cuts, per end "
            "of a chord",
        ),
    ),
    "local_thickness": (
        ("BoneJ", _BONEJ, "Thickness, Tb.Th", "``mean``: also a diameter, in the unit of length"),
        (
            "CorrelationFunctions.jl",
            _JULIA,
            "``pore_size``",
            "another quantity: the distance of each voxel to the other phases",
        ),
        (
            "GeoDict",
            f"{_GEODICT}/porodict_theoreticalbasics_resultsofporesizecomputation.html",
            "Pore or solid size distribution (granulometry)",
            "the same diameters, in bins of whole voxels",
        ),
        ("MATBOX", _MATBOX, "C-PSD, diameter", "the same definition, with radii rounded to whole voxels"),
    ),
    "intrusion": (
        (
            "GeoDict",
            f"{_GEODICT}/porodict_path.html",
            "Percolation Path, maximal diameter",
            "``percolating_radius`` times 2: paths through common faces, too",
        ),
    ),
    "euler_characteristic": (
        (
            "Avizo",
            f"{_AVIZO}/hxquant2/euler3d.html",
            "Euler Number 3D",
            "times the volume: it is a number. Its documentation does not state the connectivity",
        ),
        ("BoneJ", _BONEJ, "Euler characteristic", "``padded`` with ``connectivity_26``, times the volume"),
        (
            "BoneJ",
            _BONEJ,
            "Connectivity density",
            "(1 − Δχ) / volume, where Δχ corrects its Euler characteristic at the edges",
        ),
        (
            "GeoDict",
            f"{_GEODICT}/matdict_materialcharacterization_minkowski_results.html",
            "Minkowski Parameters, Euler characteristic",
            "about ``half_open`` times the volume: cells at the boundary count in part, so that it need not be whole",
        ),
        (
            "MorphoLibJ",
            _MORPHOLIBJ,
            "Euler number",
            "``padded`` times the volume, with the connectivity that was chosen",
        ),
        (
            "MorphoLibJ",
            _MORPHOLIBJ,
            "Euler number density",
            "about ``half_open``, with the connectivity that was chosen",
        ),
    ),
    "cluster_density": (
        (
            "GeoDict",
            f"{_GEODICT}/matdict_componentanalysis.html",
            "Connected Components",
            "times the volume: it is a number",
        ),
    ),
    "largest_cluster_fraction": (
        ("MATBOX", _MATBOX, "Connectivity, main cluster", "times 100: it is in percent, for common faces"),
    ),
    "percolating_fraction": (
        (
            "MATBOX",
            _MATBOX,
            "Connectivity, transport from face to face",
            "times 100: it is in percent, for common faces",
        ),
    ),
    "effective_diffusivity": (
        (
            "Avizo",
            f"{_AVIZO}/hxmatprop/HxApparentMolecularDiffusivity.html",
            "Molecular Diffusivity Experiment Simulation",
            "times the bulk diffusivity: with closed sides, too, between reservoirs",
        ),
        (
            "Avizo",
            f"{_AVIZO}/hxmatprop/HxEffectiveMolecularDiffusivity.html",
            "Molecular Diffusivity Tensor",
            "of a periodic volume: ours has end faces",
        ),
        (
            "GeoDict",
            f"{_GEODICT}/diffudict_simulatediffusion_options_boundaryconditions.html",
            "Relative diffusivity",
            "with *Symmetric (Dirichlet)*, which fixes the concentration in the end planes; *Periodic* repeats the "
            "volume along the flux",
        ),
        ("MATBOX", _MATBOX, "Deff", "that of TauFactor, which it calls"),
    ),
    "tortuosity_factor": (
        ("MATBOX", _MATBOX, "Tau", "that of TauFactor, which it calls"),
        (
            "PuMA",
            _PUMA,
            "``compute_continuum_tortuosity``, first value",
            "the same definition, with ``side_bc='s'``: by default its sides are periodic",
        ),
    ),
    "formation_factor": (("MATBOX", _MATBOX, "MacMullin number", "the same, of TauFactor's effective diffusivity"),),
    "permeability": (
        (
            "Avizo",
            f"{_AVIZO}/hxmatprop/HxApparentAbsolutePermeability.html",
            "Absolute Permeability Experiment Simulation",
            'with ``sides="no-slip"``: it closes the sides',
        ),
        (
            "Avizo",
            f"{_AVIZO}/hxmatprop/HxEffectiveAbsolutePermeability.html",
            "Absolute Permeability Tensor",
            "of a periodic volume, driven by a force: ours has end faces",
        ),
        (
            "GeoDict",
            f"{_GEODICT}/flowdict_computations.html",
            "FlowDict, permeability of Stokes flow",
            "also by Darcy's law; it recommends empty planes before and behind the sample, which ours does without",
        ),
        (
            "PuMA",
            _PUMA,
            "``compute_permeability``",
            "by finite elements, of a periodic volume driven by a force: ours has end faces",
        ),
    ),
}
