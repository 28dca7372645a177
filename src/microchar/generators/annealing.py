"""Simulated annealing: voxels are swapped until the correlation functions are those of the material."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import LengthLike, Triple
from microchar.core.progress import Progress, section
from microchar.core.volume import OUTSIDE, Volume
from microchar.generation.descriptors import FUNCTIONS
from microchar.generation.fitted_state import Layout
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData

if TYPE_CHECKING:
    from microchar.generators._annealing import Run

SPEC = GeneratorSpec(
    id="annealing",
    factory="microchar.generators.annealing:Annealing",
    title="Simulated annealing",
    summary="voxels swapped until the two-point correlation and lineal-path functions along the axes match",
    inputs=("volume", "slices", "descriptors"),
    phases=(2, 5),
    periodic_axes=(0, 1, 2),
    cost="12 to 32 s for 128³ voxels, two phases, lags to 64; the memory of a Gaussian field",
)

_STARTS = ("gaussian-field", "random")
#: Arrays of the Gaussian field it starts from are stored under these names.
_FIELD = "field "


@dataclass(kw_only=True)
class Annealing(Generator):
    r"""Simulated annealing on correlation functions (Yeong and Torquato).

    Voxels of different phases are swapped, which keeps the volume fractions,
    so as to lower the mean square difference

    .. math:: E = \frac{1}{n} \sum_{f \in \{S_2, L\}} \sum_{i} \sum_{a} \sum_{k=1}^{r_a}
              \left[ f_i(k \mathbf e_a) - \hat f_i(k \mathbf e_a) \right]^2

    between the two-point correlation function :math:`S_2` and the lineal-path
    function :math:`L` of each phase :math:`i` at each lag along each axis :math:`a`
    and those of the training data, :math:`\hat f`; :math:`n` is the number of
    terms. A swap that raises :math:`E` by :math:`\Delta` is kept with probability
    :math:`e^{-\Delta/T}`.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Largest lag that is fitted, in voxels or as a text with a unit. Default:
        half of each axis, at most 100 voxels. Volumes smaller than twice that
        use the lags up to half of their own axes.
    start : {"gaussian-field", "random"}
        Where to start: the `gaussian-field` generator's volume, which has
        :math:`S_2` in all directions already, or phases in random order.
    sweeps : float
        Budget: swaps tried per voxel of the volume.
    tolerance : float
        Stop once :math:`\sqrt E` is below this; 0 uses the whole budget.
    temperature : float
        Where to begin cooling, as the :math:`\sqrt E` at which the volume would be in
        equilibrium: :math:`T = 2\,\mathrm{temperature}^2 / n`. Falls linearly to 0
        over the budget. At 0 only swaps that do not raise :math:`E` are kept.
    checkpoint : str
        Folder where the state of a run is kept: written about once a minute and
        when the progress ends the run, deleted when the run is complete. The
        same request (parameters, fit, shape, periodic axes and seed) then goes on
        from there, and ends with the same volume, bit for bit. Default: none.

    Notes
    -----
    *Counting*: numbers of pairs and segments are integers, counted once and then updated
    along the three lines through each swapped voxel; they equal a recount at any time.
    Estimators and denominators are those of the metrics `two_point_correlation` and
    `lineal_path`, of a volume that repeats along the axes asked to be periodic.

    *Candidates*: voxels are drawn in proportion to their number of unlike neighbours, so
    that swaps move interfaces; a draw from within a phase is taken once in ten thousand
    times. One voxel in isolation costs :math:`E` little, and it takes many functions to see
    that it does not belong.

    *From slices or descriptors* (:math:`S_2` and :math:`L` along the axes): an axis along which
    nothing is known gets the mean of the others' functions, at equal lengths. From descriptors
    the default of `r_max` is all lags that both have.

    *Periodic axes*: the functions to reach are measured without joined faces. With them the
    :math:`S_2` of two phases differ by :math:`2\phi - 1` at every lag, which a measured
    pair does only nearly: half of that mismatch remains as error. It shrinks with the
    training data.

    *What it reproduces*: volume fractions to the voxel, :math:`S_2` and :math:`L` of all
    phases along the axes, far below the difference between two samples of a real material;
    so the specific surface area from voxel faces too. *What it does not*: whatever these do
    not hold. Interfaces come out rougher than they should, as directions between the axes
    are left to the start; connectivity and transport are not controlled. The two-point
    cluster function, which would, is not among the functions: a swap can join or split
    clusters of any size, and there is no update for that as there is for pairs and
    segments.

    ``history`` has that of the fit of the Gaussian field under ``start``; ``remarks`` of a
    volume: root-mean-square errors of :math:`S_2` and :math:`L`, swaps tried and kept.

    *Measured*, default parameters, lags up to 64, on two cores shared with other work (one
    is used). Fitted to 128³ voxels of Berea sandstone, root mean square (largest)
    difference over phases, axes and lags:

    ==========================  ===================  ===================
    to the fitted piece         :math:`S_2`          :math:`L`
    ==========================  ===================  ===================
    a piece elsewhere           4.1e-2 (7.8e-2)      6.2e-2 (1.3e-1)
    annealed                    5.7e-5 (2.2e-4)      3.7e-5 (1.3e-4)
    ==========================  ===================  ===================

    in 12 to 32 s after a fit of 3 to 5 s: 0.6 swaps tried per voxel, of which a fifth were
    kept. A random start takes 6.1 million swaps, 83 s. Three phases (96³ of an NMC
    cathode): 3.5e-5 (1.6e-4) and 6.0e-5 (3.9e-4) in 43 s, two pieces of it differ by 3.9e-2
    (8.5e-2) and 3.1e-2 (7.0e-2). What is not fitted does not follow: the Berea volume has
    1.4e-4 pore clusters per voxel where the rock has 4.2e-5, a largest one of 0.95 of the
    pores (rock: 0.99), an Euler density of 8e-5 (rock: -6e-5, padded), and by Crofton 5 %
    more surface at the same number of faces. Cooling from a temperature of 7e-4 over one
    sweep did not change that.

    References
    ----------
    Yeong, C. L. Y. and Torquato, S. (1998), Phys. Rev. E 57, 495 and 58, 224
    (three dimensions from slices). Tang, T., Teng, Q., He, X. and Luo, D. (2009), J.
    Microscopy 234, 262 (swaps at interfaces). Lu, B. and Torquato, S. (1992), Phys.
    Rev. A 45, 922.

    Examples
    --------
    >>> from microchar.generators.annealing import Annealing
    >>> from microchar.generators.gaussian_field import cut_gaussian_field
    >>> real = cut_gaussian_field((32, 32, 32), correlation_length=3, volume_fraction=0.3, seed=1)
    >>> fake = Annealing(sweeps=1).fit(real).generate((32, 32, 32), seed=2)
    >>> fake.source["remarks"]["RMS error of L"] < 0.002
    True
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {
        "s2": ("float64", ("phase", 3, "lag")),
        "lineal_path": ("float64", ("phase", 3, "lag")),
        "lags": ("int64", (3,)),
        "fractions": ("float64", ("phase",)),
        _FIELD + "covariance": ("float32", ("fields", None, None, None)),
        _FIELD + "fractions": ("float64", ("fields",)),
        _FIELD + "order": ("int64", ("fields",)),
    }

    r_max: LengthLike | None = None
    start: str = "gaussian-field"
    sweeps: float = 4.0
    tolerance: float = 5e-5
    temperature: float = 0.0
    checkpoint: str = ""

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Measure the functions, and fit the Gaussian field to start from."""
        from microchar.generators.gaussian_field import GaussianField

        self._check()
        (s2, lineal_path), lags = self._target(data, progress)
        field = GaussianField()
        fitted = field.learn(data, rng, section(progress, 0.5, 1.0, "start: "))
        self.history["start"] = field.history
        return {
            "s2": s2,
            "lineal_path": lineal_path,
            "lags": lags.astype(np.int64),
            "fractions": data.volume_fractions(),
        } | {_FIELD + key: array for key, array in fitted.items()}

    def _target(self, data: TrainingData, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Return the functions to reach, and the largest lag along each axis."""
        from microchar.generators._annealing import functions, given, tally
        from microchar.metrics._directional import resolve_r_max

        if data.descriptors is not None:
            known = [data.descriptors.function(name, self.spec.id) for name in FUNCTIONS]
            return given(known, self.r_max, data.material)
        volumes = _volumes(data)
        tallies = []
        for i, volume in enumerate(volumes):
            what = f"S2 and L of volume or slice {i + 1} of {len(volumes)}"
            part = section(progress, 0.5 * i / len(volumes), 0.5 * (i + 1) / len(volumes), what)
            part(0.0, "")
            tallies.append(tally(volume, resolve_r_max(volume.grid, self.r_max), progress=part))
        return functions(tallies, data.material.voxel_size)

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Start from the Gaussian field and anneal."""
        self._check()
        self._check_shape(shape)
        progress(0.0, "start")
        labels = self._first(shape, rng, section(progress, 0.0, 0.1, "start: "))
        run = self._run(labels, periodic, int(rng.integers(2**63)))
        path = self._checkpoint(run)
        if path is not None and path.is_file():
            run.resume(path)
        self._anneal(run, path, progress)
        s2, lineal_path = run.errors()
        self.remarks |= {
            "RMS error of S2": float(s2),
            "RMS error of L": float(lineal_path),
            "swaps tried": run.done,
            "swaps kept": run.kept,
        }
        return run.labels

    def _anneal(self, run: Run, path: Path | None, progress: Progress) -> None:
        from time import monotonic

        written = monotonic()
        try:
            while True:
                s2, lineal_path = run.errors()
                share = run.done / run.tries
                progress(0.1 + 0.9 * share, f"{share:.0%} of the swaps: error {s2:.5f} of S2, {lineal_path:.5f} of L")
                if run.done >= run.tries or run.error() < self.tolerance:
                    break
                run.advance()
                if path is not None and monotonic() > written + 60:
                    run.save(path)
                    written = monotonic()
        except BaseException:
            if path is not None:
                run.save(path)
            raise
        if path is not None:
            path.unlink(missing_ok=True)

    def _run(self, labels: np.ndarray, periodic: tuple[int, ...], seed: int) -> Run:
        from microchar.generators._annealing import Run

        return Run(
            labels=labels,
            target=np.stack([self.state["s2"], self.state["lineal_path"]]),
            lags=self.state["lags"],
            periodic=periodic,
            tries=max(1, round(self.sweeps * labels.size)),
            temperature=self.temperature,
            seed=seed,
        )

    def _first(self, shape: Triple, rng: np.random.Generator, progress: Progress) -> np.ndarray:
        """Return labels to start from, with all phases in them."""
        from microchar.generators.gaussian_field import GaussianField
        from microchar.generators.shuffle import Shuffle

        start: Generator
        if self.start == "random":
            start = Shuffle()
            start.state = {"fractions": self.state["fractions"]}
        else:
            start = GaussianField()
            start.state = {key.removeprefix(_FIELD): a for key, a in self.state.items() if key.startswith(_FIELD)}
        start.material = self.material
        labels = start.generate(shape, seed=int(rng.integers(2**63)), progress=progress).read()
        voxels = np.bincount(labels.ravel(), minlength=len(self.state["fractions"]))
        if len(voxels) != len(self.state["fractions"]) or not voxels.all():
            raise InputError(
                f"shape={shape}: too small for the phases of the training data, whose shares of the volume are "
                f"{', '.join(f'{share:.2g}' for share in self.state['fractions'])}"
            )
        return labels

    def _check(self) -> None:
        if self.start not in _STARTS:
            raise InputError(f"start={self.start!r}: expected one of {', '.join(_STARTS)}")
        if not _is_number(self.sweeps) or not self.sweeps > 0:
            raise InputError(f"sweeps={self.sweeps!r}: expected a number of swaps per voxel, greater than 0")
        for name in ("tolerance", "temperature"):
            error = getattr(self, name)
            if not _is_number(error) or not 0 <= error < 1:
                raise InputError(f"{name}={error!r}: expected an error of S2 and L, 0 or more and below 1")
        if self.checkpoint and not Path(self.checkpoint).is_dir():
            raise InputError(f"checkpoint={self.checkpoint!r}: no such folder; make it first")

    def _check_shape(self, shape: Triple) -> None:
        """Refuse an axis that is shorter than two correlation lengths: S2 could not fall off along it."""
        fractions = self.state["fractions"][:, np.newaxis, np.newaxis]
        correlation = (self.state["s2"] - fractions**2) / (fractions * (1 - fractions))
        reached = correlation < np.exp(-1)
        lengths = np.where(reached.any(axis=-1), reached.argmax(axis=-1), 0).max(axis=0)
        for axis, (n, length) in enumerate(zip(shape, lengths, strict=True)):
            if 1 < n < 2 * length:
                raise InputError(
                    f"shape={shape}: {n} voxels along axis {axis}, along which the correlation length of the "
                    f"training data is {length}; expected at least {2 * length}"
                )

    def _checkpoint(self, run: Run) -> Path | None:
        """Return where the state of this very run is kept."""
        if not self.checkpoint:
            return None
        request = self.parameters() | {"checkpoint": "", "shape": run.labels.shape, "periodic": run.periodic}
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode())
        digest.update(run.random.tobytes())
        for key in sorted(self.state):
            digest.update(np.ascontiguousarray(self.state[key]).tobytes())
        return Path(self.checkpoint) / f"annealing-{digest.hexdigest()[:16]}.npz"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _volumes(data: TrainingData) -> list[Volume]:
    """Return the volume, or each slice as a volume of one plane."""
    if data.volume is not None:
        return [data.volume]
    material = data.material
    return [
        Volume(
            values=(plane := np.expand_dims(image, normal)),
            grey_values=tuple(range(len(material.phases))),
            phases=material.phases,
            voxel_size=material.voxel_size,
            unit=material.unit,
            mask=plane != OUTSIDE,
            name=f"slice normal to axis {normal}",
        )
        for normal, group in data.slices.items()
        for image in group
    ]
