"""What `metrics.py` measures: the same work by microchar and by another package, with equal values.

Arguments are the arrays that `metrics.inputs` makes: `labels` (phases 0 and 1), `other` (the labels shifted along
axis 0), `grey` (256 grey levels). Ours and theirs return the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from effective_diffusivity import by_taufactor, certified

#: Largest lag in voxels.
LAGS = 100
ANGLES = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    metric : str
    peer : str
        What does the same work.
    packages : tuple of str
        Distributions of the peer.
    work : str
        The work that both do, and where they differ.
    ours, theirs : callable
    tolerance : float
        Largest relative difference of the values.
    goal : float, optional
        Times that ours shall be faster.
    environment : mapping
        Environment variables of the peer.
    """

    metric: str
    peer: str
    packages: tuple[str, ...]
    work: str
    ours: Callable[..., object]
    theirs: Callable[..., object]
    tolerance: float = 1e-6
    goal: float | None = None
    environment: dict[str, str] = field(default_factory=dict)


#: Why goals are missed, by metric: a goal was set before equal work was measured.
WHY = {
    "S2, axes": "NumPy takes 0.4 ns per voxel and lag, microchar 0.6 ns per word of 64 voxels.",
    "S2, radial": "Both transform the volume once. What is saved is padding, double precision and the binning.",
    "C2": "What is left is to find the clusters, which both do, and to count the pairs of the largest one.",
    "chords": "The peer is few passes of compiled code over the volume; microchar, too, must look at every voxel.",
    "GLCM, 2 levels": "Both are compiled. microchar compares 64 voxels at once, but the features cost as much.",
    "GLCM, 256 levels": "The features of the matrices of 256 × 256 cost more than the counts, in both.",
    "SSIM": "The filters of the peer are compiled running means, as ours.",
    "effective diffusivity": "On a small volume each iteration of the peer is cheap, and it needs few.",
}
#: What no row compares, and why.
NOT_COMPARED = {
    "SSIM, Gaussian window of 11": "microchar has the uniform window only",
    "chord_length_distribution of porespy": "it joins neighbouring chords where every line is drawn",
    "distance transform": "microchar takes that of edt",
    "local thickness of ImageJ": "it needs Java",
}


def _measure(volume, metric: str, **parameters):
    import microchar as mc

    return mc.measure(volume, [metric], parameters={metric: parameters}, threads=1, errors=False)[metric]


def _pair(labels: np.ndarray, other: np.ndarray, metric: str):
    import microchar as mc
    from microchar.measurement.catalogue import METRICS
    from microchar.measurement.tasks import Task, run_tasks

    task = Task([METRICS.find(metric)()], mc.as_volume(labels), mc.as_volume(other))
    return run_tasks([task], threads=1)[0][metric]


def _curves(result, *, directions=("0", "1", "2"), **key) -> np.ndarray:
    """Return the profiles of both phases in some directions."""
    return np.array(
        [result.profile(phase=phase, direction=direction, **key).y for phase in ("0", "1") for direction in directions]
    )


def _lines(labels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each phase as bool, with each of the axes first."""
    for phase in (labels == 0, labels == 1):
        for axis in range(3):
            yield np.moveaxis(phase, axis, 0)


def _lags(lines: np.ndarray) -> int:
    return min(len(lines) // 2, LAGS) + 1


def _slices(array: np.ndarray) -> list[list[np.ndarray]]:
    return [[np.ascontiguousarray(plane) for plane in np.moveaxis(array, axis, 0)] for axis in range(3)]


def s2_of_axes(labels):
    return _curves(_measure(labels, "two_point_correlation", radial=False))


def s2_of_axes_lag_by_lag(labels):
    curves = []
    for lines in _lines(labels):
        n = len(lines)
        curves.append([(lines[: n - lag] & lines[lag:]).mean() for lag in range(_lags(lines))])
    return curves


def s2_of_axes_by_fft(labels):
    from scipy import fft

    curves = []
    for lines in _lines(labels):
        n, lags = len(lines), _lags(lines)
        padded = fft.next_fast_len(n + lags, True)
        power = np.zeros(padded // 2 + 1)
        for plane in np.moveaxis(lines, 1, 0):
            waves = fft.rfft(plane.astype(np.float32), padded, axis=0)
            power += (waves.real**2 + waves.imag**2).sum(axis=1, dtype=float)
        pairs = fft.irfft(power, padded)[:lags]
        curves.append(pairs / ((n - np.arange(lags)) * (lines.size // n)))
    return curves


def s2_radial(labels):
    result = _measure(labels, "two_point_correlation", r_max=_lags(labels))
    return result.profile(phase="0", direction="radial").y[:-1]


def s2_radial_by_porespy(labels):
    import porespy

    # Shells of width 1 around whole lengths, as ours; the last of ours ends at the largest lag. Theirs is the mean over
    # the lags of a shell of the share of pairs in the phase; ours is the share of the pairs of all lags of the shell.
    bins = np.arange(_lags(labels) + 1) - 0.5
    return porespy.metrics.two_point_correlation(labels == 0, bins=bins).probability_scaled


def c2(labels):
    return _curves(_measure(labels, "two_point_cluster"))


def c2_by_cc3d(labels):
    import cc3d

    curves = []
    for phase in (labels == 0, labels == 1):
        clusters = cc3d.connected_components(phase, connectivity=6)
        for axis in range(3):
            lines = np.moveaxis(clusters, axis, 0)
            n = len(lines)
            pairs = ((lines[: n - lag], lines[lag:]) for lag in range(_lags(lines)))
            curves.append([((first == second) & (first > 0)).mean() for first, second in pairs])
    return curves


def lineal_path(labels):
    return _curves(_measure(labels, "lineal_path"))


def lineal_path_by_porespy(labels):
    import porespy

    curves = []
    for phase in (labels == 0, labels == 1):
        for axis in range(3):
            steps = porespy.filters.distance_transform_lin(phase, axis=axis, mode="forward").astype(int)
            n = phase.shape[axis]
            segments = np.cumsum(np.bincount(steps.ravel(), minlength=n + 1)[::-1])[::-1][1:]
            lags = _lags(np.moveaxis(phase, axis, 0))
            curves.append(segments[:lags] / ((n - np.arange(lags)) * (phase.size // n)))
    return curves


def chords(labels):
    result = _measure(labels, "chord_length_distribution")
    key = {"feature": "mean_length"}
    return [[result.value(phase=phase, direction=axis, **key).value for axis in "012"] for phase in "01"]


def chords_by_porespy(labels):
    import porespy

    means = []
    for phase in (labels == 0, labels == 1):
        for axis in range(3):
            numbers = porespy.filters.apply_chords(phase, axis=axis, spacing=0, trim_edges=False)
            lengths = np.bincount(numbers.ravel())
            # trim_edges removes chords along the sides, too; only those with an end outside are cut.
            lengths[numbers.take([0, -1], axis).ravel()] = 0
            means.append(lengths[lengths > 0].mean())
    return np.reshape(means, (2, 3))


def _glcm(volume, features):
    result = _measure(volume, "glcm")
    return [[result.value(feature=feature, direction=axis).value for axis in "012"] for feature in features]


def _glcm_by_skimage(image: np.ndarray, levels: int, features) -> np.ndarray:
    from skimage.feature import graycomatrix, graycoprops

    def of_slice(plane):
        table = graycomatrix(plane, [1], ANGLES, levels, symmetric=True, normed=True)
        return [graycoprops(table, feature).mean() for feature in features]

    return np.transpose([np.mean([of_slice(plane) for plane in planes], axis=0) for planes in _slices(image)])


def glcm_2(labels):
    return _glcm(labels, ("energy", "entropy"))


def glcm_2_by_skimage(labels):
    found = _glcm_by_skimage(labels, 2, ("contrast", "homogeneity", "ASM", "entropy"))
    return found[2:]  # contrast and homogeneity are of other levels, 0 and 1


def glcm_256(labels, grey):
    import microchar as mc

    return _glcm(mc.as_volume(labels, grey=grey), ("contrast", "homogeneity", "energy", "entropy"))


def glcm_256_by_skimage(grey):
    return _glcm_by_skimage(grey, 256, ("contrast", "homogeneity", "ASM", "entropy"))


def ssim(labels, other):
    result = _pair(labels, other, "ssim")
    return [result.value(direction=axis).value for axis in "012"]


def ssim_by_skimage(labels, other):
    from skimage.metrics import structural_similarity

    volumes = (_slices(array * np.uint8(255)) for array in (labels, other))
    return [
        np.mean([structural_similarity(a, b, data_range=255) for a, b in zip(*planes, strict=True)])
        for planes in zip(*volumes, strict=True)
    ]


def psnr(labels, other):
    result = _pair(labels, other, "psnr")
    return [result.value(estimator="slice_mean", direction=axis).value for axis in "012"]


def psnr_by_skimage(labels, other):
    from skimage.metrics import peak_signal_noise_ratio

    volumes = (_slices(array * np.uint8(255)) for array in (labels, other))
    return [
        np.mean([peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(*planes, strict=True)])
        for planes in zip(*volumes, strict=True)
    ]


def clusters(labels):
    result = _measure(labels, "cluster_density")
    return [result.value(phase=phase).value * labels.size for phase in "01"]


def clusters_by_scipy(labels):
    from scipy import ndimage

    return [len(np.bincount(ndimage.label(labels == phase)[0].ravel())) - 1 for phase in (0, 1)]


def clusters_by_cc3d(labels):
    import cc3d

    components = (cc3d.connected_components(labels == phase, connectivity=6) for phase in (0, 1))
    return [len(np.bincount(numbers.ravel())) - 1 for numbers in components]


def minkowski(labels):
    # The Euler number of quantimpy is of another neighbourhood than 6 or 26: computed by both, not compared.
    import microchar as mc

    metrics = ["volume_fraction", "specific_surface_area", "euler_characteristic"]
    found = mc.measure(labels, metrics, threads=1, errors=False)
    surface = found["specific_surface_area"]
    return [
        [found["volume_fraction"].value(phase=phase).value, surface.value(phase=phase, estimator="crofton").value]
        for phase in "01"
    ]


def minkowski_by_quantimpy(labels):
    from quantimpy.minkowski import functionals

    windows = np.prod(np.subtract(labels.shape, 1))
    found = [functionals(labels == phase) for phase in (0, 1)]
    return [[volume / windows, 8 * surface / windows] for volume, surface, _, _ in found]


def thickness(labels):
    result = _measure(labels, "local_thickness")
    return [result.value(phase=phase, feature="mean").value for phase in "01"]


def thickness_by_porespy(labels):
    return _porespy_thickness(labels, method="legacy", exact=True)


def thickness_by_porespy_in_whole_voxels(labels):
    return _porespy_thickness(labels, method="bf", exact=False)


def _porespy_thickness(labels, method: str, exact: bool):
    import porespy
    from edt import edt

    means = []
    for phase in (labels == 0, labels == 1):
        sizes = {"sizes": np.unique(edt(phase)[phase])} if exact else {}
        means.append(2 * porespy.filters.local_thickness(phase, method=method, smooth=True, **sizes)[phase].mean())
    return means


def thickness_by_localthickness(labels):
    import localthickness

    radii = (localthickness.local_thickness(labels == phase) for phase in (0, 1))
    return [2 * of_phase[labels == phase].mean() for phase, of_phase in enumerate(radii)]


#: Blocks of this size are not given back to the system after each use, but kept for the next one.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "2147483648"}
_AXES = f"2 phases, 3 axes, lags to {LAGS}"
_SSIM = "2 images, 3 directions, uniform window of 7"

CASES = [
    Case("S2, axes", "NumPy", ("numpy",), f"{_AXES}; theirs lag by lag", s2_of_axes, s2_of_axes_lag_by_lag, goal=150),
    Case("S2, axes", "SciPy FFT", ("scipy",), f"{_AXES}; theirs by FFT of lines", s2_of_axes, s2_of_axes_by_fft, 1e-5),
    Case(
        "S2, radial",
        "porespy",
        ("porespy",),
        f"all lag vectors to {LAGS}; ours both phases and the axes besides, theirs one phase and weights lags equally",
        s2_radial,
        s2_radial_by_porespy,
        1e-3,
        goal=100,
    ),
    Case(
        "C2",
        "cc3d, NumPy",
        ("connected-components-3d", "numpy"),
        f"{_AXES}; labels included",
        c2,
        c2_by_cc3d,
        goal=100,
    ),
    Case("lineal path", "porespy", ("porespy",), _AXES, lineal_path, lineal_path_by_porespy),
    Case(
        "chords",
        "porespy",
        ("porespy",),
        "2 phases, 3 axes, every line; theirs apply_chords and counts by NumPy",
        chords,
        chords_by_porespy,
        goal=100,
    ),
    Case(
        "GLCM, 2 levels",
        "skimage",
        ("scikit-image",),
        "3 directions, 4 angles, 4 features",
        glcm_2,
        glcm_2_by_skimage,
        goal=10,
    ),
    Case(
        "GLCM, 256 levels",
        "skimage",
        ("scikit-image",),
        "the same of a grey image",
        glcm_256,
        glcm_256_by_skimage,
        goal=30,
    ),
    Case("SSIM", "skimage", ("scikit-image",), _SSIM, ssim, ssim_by_skimage, 1e-5),
    Case(
        "SSIM",
        "skimage, tuned",
        ("scikit-image",),
        f"{_SSIM}; theirs with MALLOC_MMAP_THRESHOLD_ of 1 GB",
        ssim,
        ssim_by_skimage,
        1e-5,
        goal=8,
        environment=KEEP_MEMORY,
    ),
    Case("PSNR", "skimage", ("scikit-image",), "2 images, 3 directions, every slice", psnr, psnr_by_skimage),
    Case("clusters", "scipy.ndimage", ("scipy",), "2 phases, labels and sizes", clusters, clusters_by_scipy),
    Case("clusters", "cc3d", ("connected-components-3d",), "2 phases, labels and sizes", clusters, clusters_by_cc3d),
    Case(
        "Minkowski functionals",
        "quantimpy",
        ("quantimpy",),
        "2 phases, volume, surface (compared), Euler number; ours 3 estimates of surface, theirs curvature besides",
        minkowski,
        minkowski_by_quantimpy,
        0.01,
    ),
    Case(
        "local thickness",
        "porespy",
        ("porespy",),
        "2 phases; theirs the method legacy with all radii, as exact as ours",
        thickness,
        thickness_by_porespy,
        1e-5,
        goal=3,
    ),
    Case(
        "local thickness",
        "porespy",
        ("porespy",),
        "2 phases; theirs the method bf, whose radii are whole numbers of voxels",
        thickness,
        thickness_by_porespy_in_whole_voxels,
        0.2,
    ),
    Case(
        "local thickness",
        "localthickness",
        ("localthickness",),
        "2 phases; theirs approximate",
        thickness,
        thickness_by_localthickness,
        0.1,
    ),
]

#: Its arrays are those of `effective_diffusivity.write_transport`.
TRANSPORT = Case(
    "effective diffusivity",
    "TauFactor",
    ("taufactor", "torch"),
    "phase 0, axis 0, to 0.1 %: ours certified, theirs stopped where it is that close to ours",
    certified,
    by_taufactor,
    2e-3,
    goal=300,
)
