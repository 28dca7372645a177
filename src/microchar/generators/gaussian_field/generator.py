"""The `gaussian-field` generator: what it needs and offers, and how it fits and makes volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.material import Material
from microchar.core.progress import Progress
from microchar.generation.fitted_state import Layout, check_fractions
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field.covariances import covariance_of
from microchar.generators.gaussian_field.lattice import fold
from microchar.generators.gaussian_field.level_cut import cut_level
from microchar.generators.gaussian_field.spectrum import draw_field, nearest_spectrum

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


#: Allowed error of a fitted covariance, which is float32.
_ROUNDING = 1e-3


@dataclass(kw_only=True)
class GaussianField(Generator):
    r"""Level cuts of Gaussian random fields.

    A stationary Gaussian field :math:`X` of zero mean, unit variance and
    covariance :math:`\rho(h)` is cut at a level :math:`\lambda`: the phase occupies
    the points with :math:`X > \lambda`, and :math:`\phi = P(X > \lambda)`. If there
    are more than two phases, each further one is cut from the remaining space by a
    field of its own (pluri-Gaussian): with conditional fractions :math:`a_k = \phi_k /
    \prod_{j<k} (1 - a_j)`, phase `k` occupies the points with :math:`X_k > \lambda_k`
    and :math:`X_j \le \lambda_j` for all earlier fields.

    Parameters
    ----------
    covariance : {"gaussian", "exponential", "matern"} or str
        Form of :math:`\rho`; not used once fitted. With :math:`u^2 = \sum_a (h_a /
        \ell_a)^2`: :math:`e^{-u^2}` (smooth interfaces); :math:`e^{-u}` (interfaces
        rough at every scale, without a finite area in the continuum);
        :math:`2^{1-\nu} (\sqrt{2\nu} u)^\nu K_\nu(\sqrt{2\nu} u) / \Gamma(\nu)`
        (between the two). If gstools is installed (``microchar[gstools]``), also its
        models: ``"gstools:Spherical"``, with their parameters after commas,
        ``"gstools:Stable,alpha=1.2"``; the notes define their lengths.
    correlation_length : float or three of them
        :math:`\ell_a` in voxels, at most half of each axis. Not used once fitted.
    smoothness : float
        :math:`\nu` of "matern", at most 20. Interfaces have a finite area if it is
        above 1.
    volume_fraction : float or tuple of float
        Of phase 1, or of phases 1, 2, …; phase 0 fills the rest. Not used once fitted.
    exact_fraction : bool
        Whether to cut each sample at its own quantiles, so that it has the volume
        fractions to the voxel (except for ties in float32). Otherwise the levels are
        those of the ensemble, and the fractions of samples fluctuate like those of
        windows in an infinite medium.

    Notes
    -----
    *Models of gstools* use its correlation at :math:`u`, with :math:`\ell_a` as the
    ``len_scale`` along each axis and the default ``rescale`` of gstools:
    "gstools:Exponential" equals "exponential"; "gstools:Gaussian" is
    :math:`e^{-\pi u^2/4}`, which is "gaussian" with lengths :math:`2/\sqrt\pi` times as
    long; "gstools:Matern,nu=1.5" has :math:`\sqrt\nu u` in place of :math:`\sqrt{2\nu} u`,
    which is "matern" with lengths :math:`\sqrt 2` times as long. `smoothness` is not used.

    *Fit*: :math:`S_2(h)` of a phase is measured at lag vectors up to half of each axis,
    at most 64 voxels, from the pairs inside the volume and its mask. It is divided
    by the probability that the earlier fields left both points free,
    :math:`\prod_{j<k} (1 - 2 a_j + S_j(h))`, and converted into the corresponding
    covariance (`field_covariance`). This covariance is noisy and in general not
    valid, because parts of its spectrum are negative. Setting those to zero would
    add variance, and therefore speckle. Instead the nearest valid covariance is
    computed, in least squares with a Gaussian weight whose standard deviation along
    an axis is the lag beyond which :math:`\rho` stays within :math:`\pm 1/e`: short lags
    determine the specific surface area and must match best, and far ones are mostly
    noise. The order of the phases is the one whose resulting :math:`S_2` are nearest
    to the data. ``history`` contains ``order``, ``correlation_length`` (the lag just
    defined, for each field), ``covariance_error`` (weighted root-mean-square change
    that made the spectrum of each field valid) and ``s2_error`` (for each phase and
    axis: root mean square over the lags of the difference in :math:`S_2`, divided by
    :math:`\phi(1-\phi)`).

    *From slices or descriptors* (:math:`S_2` along the axes): :math:`S_2` at lag vectors
    is derived from the values along the axes, exactly if its contours are ellipsoids.
    An axis without data is given the mean of the others, taken at equal lengths.

    *What it reproduces*: volume fractions and :math:`S_2` in every direction, hence
    specific surface areas. The :math:`S_2` of the last of three or more phases follows
    from the others. *What it does not*: anything else; clusters, chords and transport
    are those of Gaussian fields. If no cut field has the required :math:`S_2`, the
    errors in the history show the difference.

    *Exact results*, used by tests: :math:`S_2` is `pair_probability`, at the median cut
    :math:`1/4 + \arcsin(\rho)/2\pi`. The specific surface area of a smooth isotropic
    field is :math:`s = (2/\pi)\sqrt{\mu}\,e^{-\lambda^2/2}`, where :math:`\mu =
    -\rho''(0)` is :math:`2/\ell^2` ("gaussian") or :math:`\nu/((\nu-1)\ell^2)`
    ("matern"). The lines where the cuts of two fields meet, which are the triple lines
    of three phases, have the length density :math:`(\pi/4) s_1 s_2`.

    *Periodic lattice*: lags are taken the short way round. If that, or the end of the
    lattice, makes a spectrum negative, the nearest valid one is used. The
    root-mean-square change of the covariance was below 1e-4 for correlation lengths of
    an eighth of the axes, 5e-4 for a sixth, 5e-3 for a quarter and 0.04 for a half
    (64³, all forms). *Bias*: with ``exact_fraction``, :math:`S_2` at far lags is lower by
    about the variance of the volume fraction.

    *Cost*: Berea at 256³: 5.5 s for the fit, then 2.8 s for each volume, 0.5 GiB in all
    (two busy cores); at 400³ the fit took 20 s and 1.5 GiB. Each further phase costs the
    same again. Without a fit a volume of 256³ takes 1.9 s.

    References
    ----------
    Quiblier, J. A. (1984), J. Colloid Interface Sci. 98, 84. Adler, P. M., Jacquin,
    C. G. and Quiblier, J. A. (1990), Int. J. Multiphase Flow 16, 691. Berk, N. F.
    (1991), Phys. Rev. A 44, 5069. Teubner, M. (1991), Europhys. Lett. 14, 403. Le
    Loc'h, G. and Galli, A. (1997), in Geostatistics Wollongong '96, 211
    (pluri-Gaussian). Müller, S. et al. (2022), Geosci. Model Dev. 15, 3161
    (gstools). Beck, A. and Teboulle, M. (2009), SIAM J. Imaging Sci. 2, 183
    (accelerated gradient steps).

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
        """Return one phase for each volume fraction, named by its label."""
        labels = range(len(self._fractions()))
        return Material(phases=tuple(map(str, labels)), grey_values=tuple(labels))

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Fit the covariances one after the other to the S2 of the phases."""
        from microchar.generators.gaussian_field.pair_statistics import PairStatistics
        from microchar.generators.gaussian_field.pluri_gaussian import fit_fields

        progress(0.0, "two-point correlation function")
        statistics = PairStatistics.of(data, progress)
        order, covariance, about = fit_fields(statistics, data.material.phases, progress)
        self.history |= about
        cut = np.array(order[:-1], np.int64)
        return {"covariance": covariance, "fractions": statistics.fractions[cut], "order": cut}

    def check_state(self) -> None:
        """Check the covariances, and that the fields cut all phases but one."""
        assert self.material is not None
        check_fields(self.state["covariance"], self.state["fractions"], self.state["order"], len(self.material.phases))

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Cut the fields one after the other, each where the earlier ones left space."""
        if self.state:
            fractions, order = self.state["fractions"].tolist(), self.state["order"].tolist()
        else:
            fractions = self._fractions()[1:]
            order = range(1, len(fractions) + 1)
        others = set(range(len((self.material or self.default_material()).phases))) - set(order)
        if len(others) != 1:
            raise InputError(
                f"generator {self.id!r}: the model is damaged: it cuts the phases {list(order)}, which leaves "
                f"{sorted(others)}, expected one phase; fit again"
            )
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

    def whole_only(self) -> str:
        """Return why a volume is not made in independent tiles."""
        return "its fields are Fourier transforms of the whole volume"

    def _fractions(self) -> tuple[float, ...]:
        """Return the checked volume fractions of phases 0, 1, …."""
        asked = self.volume_fraction
        others = tuple(asked) if isinstance(asked, Sequence) else (asked,)
        rest = 1 - sum(_fraction(x) for x in others)
        most = self.spec.phases[1]
        if not 1 <= len(others) < most:
            raise InputError(f"volume_fraction={asked!r}: expected those of one to {most - 1} phases")
        if rest <= 0:
            raise InputError(f"volume_fraction={asked!r}: their sum leaves nothing for phase 0, expected less than 1")
        return (rest, *map(float, others))

    def _covariance(self, field: int, lattice: Triple) -> np.ndarray:
        if self.state:
            return _on_lattice(self.state["covariance"][field], lattice)
        lengths = _correlation_lengths(self.correlation_length, lattice)
        return covariance_of(self.covariance, self.smoothness, lengths, lattice)


def check_fields(covariance: np.ndarray, fractions: np.ndarray, order: np.ndarray, phases: int) -> None:
    """Raise ValueError unless fitted arrays are those of fields that cut all of some phases but one."""
    check_fractions(fractions, None)
    if not covariance.size or np.abs(covariance).max() > 1 + _ROUNDING:
        raise ValueError("its covariances exceed 1")
    if np.abs(covariance[:, 0, 0, 0] - 1).max() > _ROUNDING:
        raise ValueError("its covariances are not 1 at lag 0")
    if len(set(order.tolist())) != phases - 1 or not ((order >= 0) & (order < phases)).all():
        raise ValueError(f"it cuts the phases {order.tolist()} of {phases}")


def _on_lattice(covariance: np.ndarray, lattice: Triple) -> np.ndarray:
    """Transfer a fitted covariance to a periodic lattice, which must be large enough for it."""
    from microchar.generators.gaussian_field.pair_statistics import lines, width

    centre = [n // 2 for n in covariance.shape]
    for axis, line in enumerate(lines(covariance, (centre[0], centre[1], centre[2]))):
        if lattice[axis] > 1 and width(line) > lattice[axis] / 2:
            raise InputError(
                f"shape={lattice}: shorter than twice the correlation length along axis {axis}, "
                f"{width(line):.1f} voxels; make the volume larger"
            )
    return fold(covariance, lattice)


def _fraction(volume_fraction: float) -> float:
    if not isinstance(volume_fraction, int | float | np.floating) or not 0 < volume_fraction < 1:
        raise InputError(f"volume_fraction={volume_fraction!r}: expected a number between 0 and 1")
    return float(volume_fraction)


def _correlation_lengths(lengths: float | Sequence[float], lattice: Triple) -> tuple[float, float, float]:
    asked = list(lengths) if isinstance(lengths, Sequence) and not isinstance(lengths, str) else [lengths] * 3
    per_axis = [float(x) for x in asked if isinstance(x, int | float | np.integer | np.floating) and 0 < x < np.inf]
    if not len(per_axis) == len(asked) == 3:
        raise InputError(f"correlation_length={lengths!r}: expected one length or three, each greater than 0")
    too_long = [a for a, (x, n) in enumerate(zip(per_axis, lattice, strict=True)) if n > 1 and x > n / 2]
    if too_long:
        raise InputError(
            f"correlation_length={lengths!r}: more than half of the shape {lattice} along axis {too_long[0]}; "
            "make the volume larger or the length smaller"
        )
    return triple(per_axis)
