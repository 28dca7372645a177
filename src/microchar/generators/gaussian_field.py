"""Level-cut Gaussian random fields: media of known two-point statistics, made by FFT on a periodic lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.blocks import available_cores
from microchar.errors import InputError
from microchar.volume import LengthLike, Triple, Volume, as_volume

#: Points of the table that relates a field's covariance to the probability that two points lie above the cut.
_TABLE = 4097
#: Steps of the accelerated projected gradient that fits a spectrum; the covariance then moves by about 1e-3 a step.
_STEPS = 20
#: Default largest lag that is fitted: half of each axis, at most this many voxels, as for the correlation functions.
_R_MAX = 100


def cut_gaussian_field(
    shape: Sequence[int],
    *,
    covariance: str = "gaussian",
    correlation_length: float | Sequence[float] = 8.0,
    volume_fraction: float = 0.5,
    exact_fraction: bool = False,
    seed: int | np.random.Generator,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Sequence[str] = ("0", "1"),
) -> Volume:
    r"""Make a two-phase medium by cutting a Gaussian random field of known covariance at a level.

    A stationary Gaussian field :math:`X` of zero mean, unit variance and
    covariance :math:`\rho(h)` is cut at :math:`\lambda`; the second phase is
    where :math:`X > \lambda`, so that :math:`\phi = P(X > \lambda)`. With
    :math:`u^2 = \sum_a (h_a / \ell_a)^2` the covariance is
    :math:`\rho = e^{-u^2}` ("gaussian": smooth interfaces) or
    :math:`\rho = e^{-u}` ("exponential": interfaces rough at every scale, of no
    finite area in the continuum).

    Parameters
    ----------
    shape : sequence of three int
        Voxels along axes 0, 1, 2; an axis of length one makes a 2D image.
    covariance : {"gaussian", "exponential"}
        Form of :math:`\rho`.
    correlation_length : float or three of them
        :math:`\ell_a` in voxels, at most half of each axis.
    volume_fraction : float
        :math:`\phi` of the second phase, between 0 and 1.
    exact_fraction : bool
        Cut at the sample's own quantile, so that the volume fraction of the
        sample is `volume_fraction` to the voxel (but for ties in float32). By
        default the cut is that of the ensemble, and the sample fluctuates.
    seed : int or numpy.random.Generator
        Equal seeds give equal volumes, bit for bit.
    voxel_size
        See `microchar.as_volume`.
    phases : sequence of two str
        Names of the phases below and above the cut.

    Returns
    -------
    Volume
        Labels 0 and 1 (uint8), periodic along every axis. ``source`` records the
        parameters and ``covariance_error``, see Notes.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    *Truth*: the ensemble's two-point correlation function is
    ``pair_probability(rho, volume_fraction)``, :math:`S_2 = 1/4 +
    \arcsin(\rho)/2\pi` at the median cut, and the specific surface area of a
    smooth field is :math:`s = (2/\pi)\sqrt{\mu}\,e^{-\lambda^2/2}` with
    :math:`\mu = -\rho''(0) = 2/\ell^2`.

    *Method*: white noise is multiplied by the square root of the spectrum. The
    lattice is periodic and lags are taken the short way round it; where this
    makes the spectrum negative somewhere, the nearest valid one (non-negative,
    unit variance, least squares) takes its place. The root-mean-square change of
    the covariance is recorded as ``covariance_error``. *Bias*: with
    ``exact_fraction`` pairs are drawn from a field shifted by its own sample
    quantile, which lowers :math:`S_2` at far lags by about the variance of the
    volume fraction.

    References
    ----------
    Berk, N. F. (1991), Phys. Rev. A 44, 5069. Teubner, M. (1991), Europhys.
    Lett. 14, 403.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import cut_gaussian_field
    >>> volume = cut_gaussian_field((32, 32, 32), volume_fraction=0.3, exact_fraction=True, seed=1)
    >>> round(float(volume.values.mean()), 3)
    0.3
    """
    lattice = _lattice(shape)
    lengths = _correlation_lengths(correlation_length, lattice)
    fraction = _fraction(volume_fraction)
    if covariance not in _COVARIANCES:
        raise InputError(f"covariance={covariance!r}: expected one of {', '.join(_COVARIANCES)}")
    rho = _COVARIANCES[covariance](_scaled_square(lattice, lengths))
    spectrum, fitted = _nearest_spectrum(rho)
    above = _cut(_field(spectrum, lattice, seed), fraction, exact_fraction)
    return as_volume(
        above.view(np.uint8),
        voxel_size=voxel_size,
        phases=dict(zip(phases, (0, 1), strict=True)),
        name="gaussian field",
        source={
            "generator": "cut_gaussian_field",
            "covariance": covariance,
            "correlation_length": lengths,
            "volume_fraction": fraction,
            "covariance_error": float(np.sqrt(np.mean((fitted - rho) ** 2))),
        },
    )


def matched_gaussian_field(
    reference: Any,
    *,
    shape: Sequence[int] | None = None,
    r_max: LengthLike | None = None,
    exact_fraction: bool = True,
    seed: int | np.random.Generator,
) -> Volume:
    r"""Make a level-cut Gaussian field with the volume fraction and the :math:`S_2` of a two-phase volume.

    The full :math:`S_2(h)` of the reference, at every lag vector :math:`h` up to
    `r_max`, is turned into the covariance :math:`\rho(h)` that a Gaussian field
    must have to show it (`field_covariance`), and a valid spectrum is fitted to
    that. The result agrees with the reference in the two-point correlation
    function, hence in volume fraction and specific surface area, and in nothing
    else: whatever differs between the two is what :math:`S_2` does not see.

    Parameters
    ----------
    reference : Volume or array_like
        Two phases, no mask; converted by `microchar.as_volume`.
    shape : sequence of three int, optional
        Shape of the result; default that of the reference.
    r_max : int, str, or three of them, optional
        Largest lag along each axis, in voxels or as a length; default half of
        each axis, at most 100 voxels. Beyond it the field is left free.
    exact_fraction : bool
        Cut at the sample's own quantile, see `cut_gaussian_field`.
    seed : int or numpy.random.Generator
        Equal seeds give equal volumes, bit for bit.

    Returns
    -------
    Volume
        With the grey values (and their data type), phase names and voxel size of
        the reference; periodic along every axis. ``source`` records
        ``covariance_error`` and ``s2_error``: root-mean-square differences, over
        the fitted lags with the fit's weights, between the field and what the
        reference asks for.

    Raises
    ------
    InputError
        If the reference has a mask, or other than two phases with voxels in both.

    Notes
    -----
    *Estimator*: pairs both inside the volume, over the number of positions.
    *Fit*: not every :math:`S_2` belongs to a cut Gaussian field, and a measured
    one is noisy, so :math:`\rho` has a spectrum that is negative in places.
    Setting those to zero would add variance, hence speckle. Instead
    :math:`\sum_h w(h)\,[c(h) - \rho(h)]^2` is minimised over the spectra that
    are non-negative and have :math:`c(0) = 1`, by accelerated projected gradient
    steps. The weight :math:`w` is a Gaussian, its standard deviation along an axis
    the lag at which :math:`\rho` falls below :math:`1/e`, zero beyond `r_max`:
    short lags must match best, they hold the specific surface area, and far ones
    are mostly the reference's own noise. *Memory*: about ten float32 arrays of the size of the volume.

    References
    ----------
    Quiblier, J. A. (1984), J. Colloid Interface Sci. 98, 84. Adler, P. M.,
    Jacquin, C. G. and Quiblier, J. A. (1990), Int. J. Multiphase Flow 16, 691.
    Beck, A. and Teboulle, M. (2009), SIAM J. Imaging Sci. 2, 183 (the steps).

    Examples
    --------
    >>> from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field
    >>> real = cut_gaussian_field((32, 32, 32), correlation_length=4, seed=1, voxel_size="2um")
    >>> fake = matched_gaussian_field(real, seed=2)
    >>> fake.unit, abs(float(real.values.mean()) - float(fake.values.mean())) < 1e-4
    ('um', True)
    """
    reference = as_volume(reference)
    indicator = _second_phase(reference)
    lattice = reference.shape if shape is None else _lattice(shape)
    lags = _lags(reference, lattice, r_max)
    fraction = float(indicator.mean())
    s2 = _pair_fractions(indicator, lags)
    table = _pair_table(fraction)
    target = _Target.of(_by_plane(table.covariance, s2), lags, lattice)
    spectrum, fitted = _nearest_spectrum(target.rho, target.weights)
    error = target.error(fitted - target.rho)
    s2_error = target.error(_by_plane(table.probability, fitted) - _by_plane(table.probability, target.rho))
    above = _cut(_field(spectrum, lattice, seed), fraction, exact_fraction)
    grey = np.array(reference.grey_values, reference.values.dtype)
    return Volume(
        values=grey[above.view(np.uint8)],
        grey_values=reference.grey_values,
        phases=reference.phases,
        voxel_size=reference.voxel_size,
        unit=reference.unit,
        name=f"gaussian field like {reference.name}",
        source={
            "generator": "matched_gaussian_field",
            "volume_fraction": fraction,
            "covariance_error": error,
            "s2_error": s2_error,
        },
    )


def pair_probability(covariance: np.ndarray | float, volume_fraction: float) -> np.ndarray:
    r"""Probability that two points of a Gaussian field both lie above the cut.

    .. math:: P(\rho) = \phi^2 + \frac{1}{2\pi} \int_0^{\arcsin\rho}
              \exp\!\left(-\frac{\lambda^2}{1 + \sin\theta}\right) d\theta,
              \qquad \phi = P(X > \lambda)

    Parameters
    ----------
    covariance : array_like
        :math:`\rho`, between -1 and 1.
    volume_fraction : float
        :math:`\phi`, between 0 and 1.

    Returns
    -------
    ndarray of float
        :math:`P`, which is :math:`\phi` at 1, :math:`\phi^2` at 0 and
        :math:`\max(0, 2\phi - 1)` at -1; interpolated in a table, to about 1e-8.

    References
    ----------
    Teubner, M. (1991), Europhys. Lett. 14, 403. Berk, N. F. (1991), Phys. Rev. A
    44, 5069.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import pair_probability
    >>> round(float(pair_probability(0.5, 0.5)), 6)  # 1/4 + asin(1/2) / 2π = 1/3
    0.333333
    """
    return _pair_table(_fraction(volume_fraction)).probability(np.asarray(covariance, float))


def field_covariance(s2: np.ndarray | float, volume_fraction: float) -> np.ndarray:
    r"""Covariance that a Gaussian field must have for its cut to show a value of :math:`S_2`.

    The inverse of `pair_probability`; values of :math:`S_2` beyond what any
    covariance can give are taken as the nearest that one can.

    Parameters
    ----------
    s2 : array_like
        Probability that both points lie in the phase.
    volume_fraction : float
        :math:`\phi`, between 0 and 1.

    Returns
    -------
    ndarray of float
        :math:`\rho`, between -1 and 1.

    References
    ----------
    Quiblier, J. A. (1984), J. Colloid Interface Sci. 98, 84.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import field_covariance
    >>> round(float(field_covariance(1 / 3, 0.5)), 6)
    0.5
    """
    return _pair_table(_fraction(volume_fraction)).covariance(np.asarray(s2, float))


# --- one point and two points above the cut ----------------------------------


@dataclass(frozen=True, eq=False)
class _PairTable:
    """P(both above the cut) at equidistant angles θ = arcsin ρ, in which it is smooth, -1 and 1 included."""

    angle: np.ndarray
    both: np.ndarray

    def probability(self, rho: np.ndarray) -> np.ndarray:
        return np.interp(np.arcsin(np.clip(rho, -1, 1)), self.angle, self.both)

    def covariance(self, s2: np.ndarray) -> np.ndarray:
        return np.sin(np.interp(s2, self.both, self.angle))


def _pair_table(fraction: float) -> _PairTable:
    from scipy.special import ndtri

    cut = -ndtri(fraction)
    angle = np.linspace(-np.pi / 2, np.pi / 2, _TABLE)
    # Three Gauss points per interval: exact to rounding for a function as smooth as this one.
    points, weights = np.polynomial.legendre.leggauss(3)
    half = (angle[1] - angle[0]) / 2
    theta = angle[:-1, np.newaxis] + half * (1 + points)
    integral = np.exp(-(cut**2) / (1 + np.sin(theta))) @ weights * half / (2 * np.pi)
    both = max(0.0, 2 * fraction - 1) + np.concatenate([[0.0], np.cumsum(integral)])
    return _PairTable(angle, both)


def _by_plane(function: Any, array: np.ndarray) -> np.ndarray:
    # np.interp works in float64; a plane at a time keeps that small.
    return np.stack([function(plane).astype(np.float32) for plane in array])


# --- covariances and spectra -------------------------------------------------

_COVARIANCES = {
    "gaussian": lambda square: np.exp(-square),
    "exponential": lambda square: np.exp(-np.sqrt(square)),
}


def _along(axis: int, values: np.ndarray) -> np.ndarray:
    """Shape a 1D array so that it runs along one of three axes."""
    return values.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])


def _steps(r: int) -> np.ndarray:
    """Lags 0..r, -r..-1, which are also their places on a periodic lattice."""
    return np.r_[0 : r + 1, -r:0]


def _scaled_square(lattice: Triple, lengths: Sequence[float]) -> np.ndarray:
    total = np.zeros(lattice, np.float32)
    for axis, n in enumerate(lattice):
        steps = np.arange(n)
        total += _along(axis, (np.minimum(steps, n - steps) / lengths[axis]) ** 2)
    return total


@dataclass(frozen=True, eq=False)
class _Target:
    """The covariance to fit, on the periodic lattice, and its separable weights."""

    rho: np.ndarray
    weights: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, rho: np.ndarray, lags: Triple, lattice: Triple) -> _Target:
        """Place covariances at the lags 0..r, -r..-1 of each axis on the lattice."""
        steps = [_steps(r) for r in lags]
        placed = np.zeros(lattice, np.float32)
        placed[np.ix_(*steps)] = rho
        weights = []
        for axis, (step, r) in enumerate(zip(steps, lags, strict=True)):
            line = np.moveaxis(rho, axis, 0)[: r + 1, 0, 0]
            width = np.argmax(np.append(line, 0) < np.exp(-1))  # r + 1 where it stays above
            weight = np.zeros(lattice[axis])
            weight[step] = np.exp(-0.5 * (step / width) ** 2)
            weights.append(_along(axis, weight))
        return cls(placed, (weights[0], weights[1], weights[2]))

    def error(self, difference: np.ndarray) -> float:
        """Weighted root mean square."""
        total = np.einsum("ijk,ijk,i,j,k", difference, difference, *(w.ravel() for w in self.weights), optimize=True)
        return float(np.sqrt(total / np.prod([w.sum() for w in self.weights])))


def _nearest_spectrum(
    rho: np.ndarray, weights: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the valid spectrum whose covariance is nearest to `rho`, and that covariance.

    Without weights all lags count alike, and one projection is the answer.
    """
    from scipy import fft

    workers = available_cores()
    modes = _modes(rho.shape)
    fitted = ahead = np.zeros_like(rho)
    momentum = 1.0
    for _ in range(1 if weights is None else _STEPS):
        step = rho - ahead
        for weight in weights or ():
            step *= weight
        step += ahead
        spectrum = _project(fft.rfftn(step, workers=workers).real, modes, rho.size)
        before, fitted = fitted, fft.irfftn(spectrum, rho.shape, workers=workers)
        momentum, last = (1 + np.sqrt(1 + 4 * momentum**2)) / 2, momentum
        ahead = fitted + np.float32((last - 1) / momentum) * (fitted - before)
    return spectrum, fitted


def _modes(shape: Sequence[int]) -> np.ndarray:
    """How often each column of a half spectrum stands in the full one."""
    n = shape[-1]
    modes = np.full(n // 2 + 1, 2.0, np.float32)
    modes[0] = 1
    if n % 2 == 0:
        modes[-1] = 1
    return modes


def _project(spectrum: np.ndarray, modes: np.ndarray, total: int) -> np.ndarray:
    """Return the nearest non-negative spectrum that adds up to `total` (unit variance): max(spectrum - level, 0).

    The level is found by Newton's method, which on this piecewise linear sum is
    a fixed set after a few steps (Michelot 1986, J. Optim. Theory Appl. 50, 195).
    """
    level, count = 0.0, -1.0
    while True:
        active = spectrum > level
        column = active.sum(axis=(0, 1), dtype=np.float64)
        kept = float(column @ modes)
        if kept == count:
            break
        sums = np.where(active, spectrum, 0).sum(axis=(0, 1), dtype=np.float64)
        level, count = (float(sums @ modes) - total) / kept, kept
    return np.maximum(spectrum - np.float32(level), 0)


def _field(spectrum: np.ndarray, lattice: Triple, seed: int | np.random.Generator) -> np.ndarray:
    from scipy import fft

    workers = available_cores()
    noise = np.random.default_rng(seed).standard_normal(lattice, dtype=np.float32)
    modes = fft.rfftn(noise, workers=workers)
    modes *= np.sqrt(spectrum)
    return fft.irfftn(modes, lattice, workers=workers)


def _cut(field: np.ndarray, fraction: float, exact: bool) -> np.ndarray:
    from scipy.special import ndtri

    if not exact:
        return field > np.float32(-ndtri(fraction))
    kept = min(max(round(fraction * field.size), 1), field.size)
    return field >= np.partition(field.ravel(), field.size - kept)[field.size - kept]


# --- the reference -----------------------------------------------------------


def _second_phase(reference: Volume) -> np.ndarray:
    if reference.mask is not None:
        raise InputError(f"{reference.name}: a Gaussian field cannot be matched to a masked volume; crop it instead")
    if reference.n_phases != 2:
        raise InputError(f"{reference.name}: a level cut has two phases, the volume has {reference.n_phases}")
    indicator = reference.read() == 1
    if not 0 < np.count_nonzero(indicator) < indicator.size:
        raise InputError(f"{reference.name}: one of the phases {reference.phases} has no voxels")
    return indicator


def _lags(reference: Volume, lattice: Triple, r_max: LengthLike | None) -> Triple:
    """Return the largest lag per axis that both the reference and the lattice can hold."""
    if r_max is None:
        wanted = [min(n // 2, _R_MAX) for n in reference.shape]
    else:
        wanted = list(reference.grid.to_voxels(r_max, "r_max"))
        if any(r >= n > 1 for r, n in zip(wanted, reference.shape, strict=True)):
            raise InputError(f"r_max={r_max!r}: {wanted} voxels, and the reference has {reference.shape}")
    lags = [min(r, (n - 1) // 2) for r, n in zip(wanted, lattice, strict=True)]
    return (lags[0], lags[1], lags[2])


def _pair_fractions(indicator: np.ndarray, lags: Triple) -> np.ndarray:
    """Share of the pairs with both voxels in the phase, at the lags 0..r, -r..-1 of each axis."""
    from scipy import fft

    workers = available_cores()
    padded = [fft.next_fast_len(n + r, real=True) for n, r in zip(indicator.shape, lags, strict=True)]
    spectrum = fft.rfftn(indicator.astype(np.float32), padded, workers=workers)
    spectrum *= spectrum.conj()
    steps = [_steps(r) for r in lags]
    pairs = fft.irfftn(spectrum, padded, workers=workers)[np.ix_(*steps)]
    for axis, step in enumerate(steps):
        pairs /= _along(axis, indicator.shape[axis] - np.abs(step))
    return pairs


# --- arguments ---------------------------------------------------------------


def _lattice(shape: Sequence[int]) -> Triple:
    voxels = [int(n) for n in shape]
    if len(voxels) != 3 or min(voxels) < 1:
        raise InputError(f"shape={tuple(shape)!r}: expected three numbers of voxels, at least one along each axis")
    return (voxels[0], voxels[1], voxels[2])


def _fraction(volume_fraction: float) -> float:
    if not 0 < volume_fraction < 1:
        raise InputError(f"volume_fraction={volume_fraction!r}: expected a number between 0 and 1")
    return float(volume_fraction)


def _correlation_lengths(lengths: float | Sequence[float], lattice: Triple) -> tuple[float, float, float]:
    per_axis = [float(x) for x in lengths] if isinstance(lengths, Sequence) else [float(lengths)] * 3
    if len(per_axis) != 3 or min(per_axis) <= 0:
        raise InputError(f"correlation_length={lengths!r}: expected one length or three, each greater than 0")
    too_long = [a for a, (x, n) in enumerate(zip(per_axis, lattice, strict=True)) if n > 1 and x > n / 2]
    if too_long:
        raise InputError(
            f"correlation_length={lengths!r}: more than half of the shape {lattice} along axis {too_long[0]}; "
            "a periodic lattice cannot hold it, make the volume larger"
        )
    return (per_axis[0], per_axis[1], per_axis[2])
