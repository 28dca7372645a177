"""Level-cut Gaussian random fields: media of known two-point statistics, made by FFT on a periodic lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.material import Material
from microchar.core.progress import Progress
from microchar.core.volume import Volume, as_volume
from microchar.generation.fitted_state import Layout
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.generators._covariances import covariance_of
from microchar.generators._spectrum import (
    cut_level,
    draw_field,
    field_covariance,
    fold,
    nearest_spectrum,
    pair_probability,
)

__all__ = ["GaussianField", "cut_gaussian_field", "field_covariance", "matched_gaussian_field", "pair_probability"]

SPEC = GeneratorSpec(
    id="gaussian-field",
    factory="microchar.generators.gaussian_field:GaussianField",
    title="Gaussian field",
    summary="level cuts of Gaussian random fields, matched to the two-point correlation function and nothing else",
    inputs=("volume", "slices", "descriptors", "parameters"),
    phases=(2, 5),
    periodic_axes=(0, 1, 2),
    always_periodic=True,
    cost="a few seconds and half a GiB at 256³",
)


@dataclass(kw_only=True)
class GaussianField(Generator):
    r"""Level cuts of Gaussian random fields.

    A stationary Gaussian field :math:`X` of zero mean, unit variance and
    covariance :math:`\rho(h)` is cut at :math:`\lambda`: the phase is where
    :math:`X > \lambda`, and :math:`\phi = P(X > \lambda)`. More than two phases
    are cut one after the other, each from what is left by a field of its own
    (pluri-Gaussian): with conditional fractions :math:`a_k = \phi_k / \prod_{j<k}
    (1 - a_j)` phase `k` is where :math:`X_k > \lambda_k` and no earlier
    :math:`X_j > \lambda_j`.

    Parameters
    ----------
    covariance : {"gaussian", "exponential", "matern"} or str
        Form of :math:`\rho`, where it is not fitted. With :math:`u^2 = \sum_a (h_a /
        \ell_a)^2`: :math:`e^{-u^2}` (smooth interfaces); :math:`e^{-u}` (interfaces
        rough at every scale, of no finite area in the continuum);
        :math:`2^{1-\nu} (\sqrt{2\nu} u)^\nu K_\nu(\sqrt{2\nu} u) / \Gamma(\nu)`
        (between the two). With gstools installed (``microchar[gstools]``) also its models:
        ``"gstools:Spherical"``, with parameters of their own after commas,
        ``"gstools:Stable,alpha=1.2"``; see the notes for what their lengths mean.
    correlation_length : float or three of them
        :math:`\ell_a` in voxels, at most half of each axis. Not used once fitted.
    smoothness : float
        :math:`\nu` of "matern", at most 20: interfaces have a finite area where it is
        above 1.
    volume_fraction : float or tuple of float
        Of phase 1, or of phases 1, 2, …; phase 0 has the rest. Not used once fitted.
    exact_fraction : bool
        Cut at the sample's own quantiles: each volume has the fractions to the
        voxel (but for ties in float32). Otherwise the cuts are those of the
        ensemble, and samples fluctuate as windows on an endless medium do.

    Notes
    -----
    *Models of gstools* are its correlation at :math:`u`, with :math:`\ell_a` for its
    ``len_scale`` along each axis, in gstools' own meaning (its ``rescale`` as it is by
    default): "gstools:Exponential" is "exponential"; "gstools:Gaussian" is
    :math:`e^{-\pi u^2/4}`, so "gaussian" of lengths :math:`2/\sqrt\pi` times as long;
    "gstools:Matern,nu=1.5" has :math:`\sqrt\nu u` in place of :math:`\sqrt{2\nu} u`, so it
    is "matern" of lengths :math:`\sqrt 2` times as long. `smoothness` is not used.

    *Fit*: :math:`S_2(h)` of a phase at lag vectors up to half of each axis, at most
    64 voxels (pairs both inside the volume and its mask, over their number), is
    divided by the probability that both points were left by the earlier fields,
    :math:`\prod_{j<k} (1 - 2 a_j + S_j(h))`, and turned into the covariance that
    shows it (`field_covariance`). Such a covariance is noisy and need not be a
    valid one: its spectrum is negative in places. Setting those to zero would add
    variance, hence speckle. Instead the nearest valid covariance is found, in
    least squares with a Gaussian weight whose standard deviation along an axis is
    the lag beyond which :math:`\rho` stays within :math:`\pm 1/e`: short lags must match
    best, they hold the specific surface area, and far ones are mostly noise. The
    order of the phases is the one whose implied :math:`S_2` are nearest to those
    of all phases. ``history`` has ``order``, ``correlation_length`` (that lag of
    each field), ``covariance_error`` (weighted root mean square of what had to be
    given up for a valid spectrum, per field) and ``s2_error`` (per phase and axis:
    root mean square over the lags of the difference in :math:`S_2`, divided by
    :math:`\phi(1-\phi)`).

    *From slices or descriptors* (:math:`S_2` along the axes): :math:`S_2` at lag
    vectors is made of those along the axes, exact where its contours are
    ellipsoids; an axis along which nothing is known gets the mean of the others, at
    equal lengths.

    *What it reproduces*: volume fractions, :math:`S_2` along every direction, hence
    specific surface areas; of the last of three or more phases :math:`S_2` is what
    the others leave. *What it does not*: anything else; clusters, chords and
    transport are those of Gaussian fields. Any :math:`S_2` out of reach of a cut field
    is missed as the history tells.

    *Truths*, for tests: :math:`S_2` is `pair_probability`, at the median cut
    :math:`1/4 + \arcsin(\rho)/2\pi`; the specific surface area of a smooth
    isotropic field is :math:`s = (2/\pi)\sqrt{\mu}\,e^{-\lambda^2/2}`, with :math:`\mu
    = -\rho''(0)`: :math:`2/\ell^2` ("gaussian"), :math:`\nu/((\nu-1)\ell^2)`
    ("matern"); the lines where two fields' cuts meet, the triple lines of three
    phases, have the length density :math:`(\pi/4) s_1 s_2`.

    *Periodic lattice*: lags are taken the short way round; where that, or the
    end of the lattice, makes a spectrum negative, the nearest valid one takes its
    place. The root-mean-square change of the covariance was below 1e-4 with
    correlation lengths of an eighth of the axes, 5e-4 of a sixth, 5e-3 of a quarter,
    0.04 of a half (64³, all forms). *Bias*: with ``exact_fraction`` :math:`S_2` at far lags is
    lower by about the variance of the volume fraction.

    *Cost*: Berea at 256³: fit 5.5 s, then 2.8 s a volume, 0.5 GiB in all (two busy
    cores); at 400³ the fit took 20 s and 1.5 GiB. Each further phase costs as much
    again. Without a fit 1.9 s a volume of 256³.

    References
    ----------
    Quiblier, J. A. (1984), J. Colloid Interface Sci. 98, 84. Adler, P. M., Jacquin,
    C. G. and Quiblier, J. A. (1990), Int. J. Multiphase Flow 16, 691. Berk, N. F.
    (1991), Phys. Rev. A 44, 5069. Teubner, M. (1991), Europhys. Lett. 14, 403. Le
    Loc'h, G. and Galli, A. (1997), in Geostatistics Wollongong '96, 211
    (pluri-Gaussian). Müller, S. et al. (2022), Geosci. Model Dev. 15, 3161
    (gstools). Beck, A. and Teboulle, M. (2009), SIAM J. Imaging Sci. 2, 183
    (the steps).

    Examples
    --------
    >>> from microchar.generators.gaussian_field import GaussianField
    >>> real = GaussianField(correlation_length=3.0, volume_fraction=0.3).generate((32, 32, 32), seed=1)
    >>> fake = GaussianField().fit(real).generate((48, 32, 32), seed=2)
    >>> round(float(fake.values.mean()), 3)
    0.3
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {
        "covariance": ("float32", ("fields", None, None, None)),
        "fractions": ("float64", ("fields",)),
        "order": ("int64", ("fields",)),
    }

    covariance: str = "gaussian"
    correlation_length: float | tuple[float, ...] = 8.0
    smoothness: float = 1.5
    volume_fraction: float | tuple[float, ...] = 0.5
    exact_fraction: bool = True

    def default_material(self) -> Material:
        """Return as many phases as there are volume fractions, named by their labels."""
        labels = range(len(self._fractions()))
        return Material(phases=tuple(map(str, labels)), grey_values=tuple(labels))

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Fit one covariance after the other to the S2 of the phases."""
        from microchar.generators._pair_statistics import PairStatistics
        from microchar.generators._pluri_gaussian import fit_fields

        progress(0.0, "two-point correlation function")
        found = PairStatistics.of(data, progress)
        order, covariance, about = fit_fields(found, data.material.phases, progress)
        self.history |= about
        cut = np.array(order[:-1], np.int64)
        return {"covariance": covariance, "fractions": found.fractions[cut], "order": cut}

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Cut one field after the other, each where the earlier ones left something."""
        if self.state:
            fractions, order = self.state["fractions"].tolist(), self.state["order"].tolist()
        else:
            fractions = self._fractions()[1:]
            order = range(1, len(fractions) + 1)
        others = set(range(len((self.material or self.default_material()).phases))) - set(order)
        if len(others) != 1:
            raise InputError(f"the model is damaged: it cuts the phases {list(order)}, which leaves {sorted(others)}")
        labels = np.full(shape, others.pop(), np.uint8)
        free = np.ones(shape, bool)
        left = 1.0
        for i, (phase, fraction) in enumerate(zip(order, fractions, strict=True)):
            what = f"field {i + 1} of {len(order)}"
            progress(i / len(order), what)
            spectrum = nearest_spectrum(self._covariance(i, shape))
            progress((i + 0.5) / len(order), what)
            field = draw_field(spectrum, shape, rng)
            above = free & (field >= cut_level(field[free], fraction / left, self.exact_fraction))
            labels[above] = phase
            free &= ~above
            left -= fraction
        return labels

    def _fractions(self) -> tuple[float, ...]:
        """Check the volume fractions, and return those of phases 0, 1, …."""
        given = self.volume_fraction
        others = tuple(given) if isinstance(given, Sequence) else (given,)
        rest = 1 - sum(_fraction(x) for x in others)
        most = self.spec.phases[1]
        if not 1 <= len(others) < most:
            raise InputError(f"volume_fraction={given!r}: expected that of one to {most - 1} phases")
        if rest <= 0:
            raise InputError(f"volume_fraction={given!r}: nothing is left for phase 0")
        return (rest, *map(float, others))

    def _covariance(self, field: int, lattice: Triple) -> np.ndarray:
        if self.state:
            return _on_lattice(self.state["covariance"][field], lattice)
        lengths = _correlation_lengths(self.correlation_length, lattice)
        return covariance_of(self.covariance, self.smoothness, lengths, lattice)


def cut_gaussian_field(
    shape: Sequence[int],
    *,
    covariance: str = "gaussian",
    correlation_length: float | Sequence[float] = 8.0,
    volume_fraction: float = 0.5,
    exact_fraction: bool = False,
    seed: int,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Sequence[str] = ("0", "1"),
) -> Volume:
    r"""Make a two-phase medium by cutting a Gaussian random field of known covariance at a level.

    `GaussianField` as a function, but that by default the cut is that of the
    ensemble, so that the volume fraction of a sample fluctuates.

    Parameters
    ----------
    shape : sequence of two or three int
        Voxels along axes 0, 1, 2; an axis of length one makes a 2D image.
    covariance, correlation_length, volume_fraction, exact_fraction
        See `GaussianField`.
    seed : int
        Equal seeds give equal volumes, bit for bit.
    voxel_size
        See `microchar.as_volume`.
    phases : sequence of two str
        Names of the phases below and above the cut.

    Returns
    -------
    Volume
        Labels 0 and 1 (uint8), periodic along every axis.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import cut_gaussian_field
    >>> volume = cut_gaussian_field((32, 32, 32), volume_fraction=0.3, exact_fraction=True, seed=1)
    >>> round(float(volume.values.mean()), 3)
    0.3
    """
    lengths = tuple(correlation_length) if isinstance(correlation_length, Sequence) else correlation_length
    generator = GaussianField(
        covariance=covariance,
        correlation_length=lengths,
        volume_fraction=volume_fraction,
        exact_fraction=exact_fraction,
    )
    volume = generator.generate(shape, seed=seed)
    return as_volume(volume, voxel_size=voxel_size, phases=dict(zip(phases, (0, 1), strict=True)))


def matched_gaussian_field(
    reference: Any, *, shape: Sequence[int] | None = None, exact_fraction: bool = True, seed: int
) -> Volume:
    r"""Make a level-cut Gaussian field with the volume fractions and the :math:`S_2` of a volume or an image.

    The result agrees with the reference in the two-point correlation function,
    hence in volume fraction and specific surface area, and in nothing else:
    whatever differs between the two is what :math:`S_2` does not see. This is
    `GaussianField` fitted and asked once; how near it came is in the history of
    a fitted `GaussianField`.

    Parameters
    ----------
    reference : Volume or array_like
        Converted by `microchar.as_volume`.
    shape : sequence of two or three int, optional
        Shape of the result; default that of the reference.
    exact_fraction : bool
        See `GaussianField`.
    seed : int
        Equal seeds give equal volumes, bit for bit.

    Returns
    -------
    Volume
        With the grey values, phase names and voxel size of the reference;
        periodic along every axis.

    Raises
    ------
    InputError
        If a phase of the reference has no voxels, or there are more than five.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field
    >>> real = cut_gaussian_field((32, 32, 32), correlation_length=4, seed=1, voxel_size="2um")
    >>> fake = matched_gaussian_field(real, seed=2)
    >>> fake.unit, abs(float(real.values.mean()) - float(fake.values.mean())) < 1e-4
    ('um', True)
    """
    reference = as_volume(reference)
    generator = GaussianField(exact_fraction=exact_fraction).fit(reference)
    return generator.generate(reference.shape if shape is None else shape, seed=seed)


# --- covariances -------------------------------------------------------------


def _on_lattice(covariance: np.ndarray, lattice: Triple) -> np.ndarray:
    """Lay a fitted covariance on a periodic lattice, which must be able to hold it."""
    from microchar.generators._pair_statistics import lines, width

    centre = [n // 2 for n in covariance.shape]
    for axis, line in enumerate(lines(covariance, (centre[0], centre[1], centre[2]))):
        if lattice[axis] > 1 and width(line) > lattice[axis] / 2:
            raise InputError(
                f"shape={lattice}: shorter than twice the correlation length along axis {axis}, "
                f"{width(line):.1f} voxels; make the volume larger"
            )
    return fold(covariance, lattice)


# --- arguments ---------------------------------------------------------------


def _fraction(volume_fraction: float) -> float:
    if not isinstance(volume_fraction, int | float | np.floating) or not 0 < volume_fraction < 1:
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
    return triple(per_axis)
