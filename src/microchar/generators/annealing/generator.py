"""The `annealing` generator: what it needs and offers, and how it fits and makes volumes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import LengthLike, Triple
from microchar.core.progress import Progress, section
from microchar.core.volume import OUTSIDE, Volume
from microchar.generation.descriptors import FUNCTIONS
from microchar.generation.fitted_state import Layout, check_fractions
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData

if TYPE_CHECKING:
    from microchar.generators.annealing.checkpoint import Checkpoint
    from microchar.generators.annealing.run import Run

SPEC = GeneratorSpec(
    id="annealing",
    factory="microchar.generators.annealing:Annealing",
    title="Simulated annealing",
    summary="voxels swapped until the two-point correlation and lineal-path functions along the axes match",
    inputs=("volume", "slices", "descriptors"),
    phases=(2, 5),
    periodic_axes=(0, 1, 2),
    keeps_progress=("generate",),
    revision=2,
    cost="12 to 32 s for 128³ voxels, two phases, lags to 64; the memory of a Gaussian field",
)

_STARTS = ("gaussian-field", "random")
#: Prefix of the arrays that belong to the Gaussian field of the start.
_FIELD = "field "
#: The part of the pairs of S2 in one cluster.
_CONNECTED = "connected"
_LAYOUT: Layout = {
    "s2": ("float64", ("phase", 3, "lag")),
    "lineal_path": ("float64", ("phase", 3, "lag")),
    "lags": ("int64", (3,)),
    "fractions": ("float64", ("phase",)),
    _FIELD + "covariance": ("float32", ("fields", None, None, None)),
    _FIELD + "fractions": ("float64", ("fields",)),
    _FIELD + "order": ("int64", ("fields",)),
}
#: Allowed error of a probability in a file.
_ROUNDING = 1e-9
#: Share of the progress that is swapping, where clusters are joined too.
_SWAPPING = 0.5


@dataclass(kw_only=True)
class Annealing(Generator):
    r"""Simulated annealing on correlation functions (Yeong and Torquato).

    Voxels of different phases are swapped, which preserves the volume fractions,
    to reduce the mean square difference

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
        Initial volume: that of the `gaussian-field` generator, which already has the
        required :math:`S_2` in all directions, or phases in random order.
    sweeps : float
        Budget: number of swaps tried per voxel of the volume.
    tolerance : float
        The run stops once :math:`\sqrt E` is below this; 0 uses the whole budget.
    temperature : float
        Initial temperature, given as the :math:`\sqrt E` at which the volume would be
        in equilibrium: :math:`T = 2\,\mathrm{temperature}^2 / n`. It falls linearly to
        0 over the budget. At 0 only swaps that do not raise :math:`E` are kept.
    join_clusters : bool
        Afterwards join clusters of each phase until the share of connected pairs,
        :math:`C_2 / S_2`, is that of the training volume; see Notes.

    Notes
    -----
    *Counting*: the numbers of pairs and segments are integers. They are counted once and
    then updated along the three lines through each swapped voxel, so they always equal a
    recount. Estimators and denominators are those of the metrics `two_point_correlation`
    and `lineal_path`, for a volume that repeats along the requested periodic axes.

    *Candidates*: voxels are drawn with a probability proportional to their number of unlike
    neighbours, so that swaps move interfaces; a voxel inside a phase is accepted once in ten
    thousand draws. An isolated voxel changes :math:`E` very little, and only many functions
    together would show that it does not belong.

    *From slices or descriptors* (:math:`S_2` and :math:`L` along the axes): an axis without
    data is given the mean of the functions of the others, taken at equal lengths. From
    descriptors the default of `r_max` is the last lag of both functions.

    *Periodic axes*: the target functions are measured without joined faces. With joined
    faces the :math:`S_2` of two phases differ by :math:`2\phi - 1` at every lag, which a
    measured pair satisfies only approximately: half of that mismatch remains as error. It
    decreases with the size of the training data.

    *Checkpoints*: with ``generate(..., folder=...)`` the state of the run is saved about
    once a minute and when the progress stops it. ``resume=True`` then continues the same
    request (parameters, fit, shape, periodic axes and seed) and gives the same volume, bit
    for bit.

    *What it reproduces*: the volume fractions to the voxel, and :math:`S_2` and :math:`L` of
    all phases along the axes, with an error far below the difference between two samples of
    a real material; hence also the specific surface area from voxel faces. *What it does
    not*: everything that these functions do not determine. Interfaces are too rough, because
    directions between the axes are left to the start. Connectivity is
    controlled by `join_clusters` only, and transport not at all.

    *Joining clusters*: a swap can join clusters of any size, and the two-point cluster
    function :math:`C_2` has no local update as there is for pairs and segments. After
    the swaps, rounds follow: the gaps of up to eight voxels between neighbouring clusters
    of a phase are found from labels and a distance transform, a tenth of them is bridged
    by one row of voxels each, in exchange for voxels at interfaces, and swaps restore
    :math:`S_2` and :math:`L`. A round is kept if it brings :math:`C_2 / S_2` of all phases,
    axes and lags nearer to the target. Rounds end at an error of 0.001, or after twelve in
    a row that were not kept. The bridges are thin: the phase percolates like the material,
    and conducts less. Clusters are only joined: a phase that connects too well stays. The
    fit needs a volume. :math:`C_2` depends on the size of a volume; the target is that of
    the whole training volume.

    ``history`` contains that of the Gaussian field under ``start``; ``remarks`` of a volume
    are the root-mean-square errors of :math:`S_2` and :math:`L`, and the swaps tried and kept.

    *Measured*, default parameters, lags up to 64, on two cores shared with other work (one
    is used). Fitted to 128³ voxels of Berea sandstone, root mean square (largest)
    difference over phases, axes and lags:

    ==========================  ===================  ===================
    to the fitted block         :math:`S_2`          :math:`L`
    ==========================  ===================  ===================
    another block of the rock   4.1e-2 (7.8e-2)      6.2e-2 (1.3e-1)
    annealed                    5.7e-5 (2.2e-4)      3.7e-5 (1.3e-4)
    ==========================  ===================  ===================

    in 12 to 32 s after a fit of 3 to 5 s: 0.6 swaps tried per voxel, of which a fifth were
    kept. A random start takes 6.1 million swaps, 83 s. Three phases (96³ of an NMC
    cathode): 3.5e-5 (1.6e-4) and 6.0e-5 (3.9e-4) in 43 s; two blocks of the cathode differ
    by 3.9e-2 (8.5e-2) and 3.1e-2 (7.0e-2). What is not fitted is not reproduced: the Berea
    volume has 1.4e-4 pore clusters per voxel where the rock has 4.2e-5, a largest one of
    0.95 of the pores (rock: 0.99), an Euler density of 8e-5 (rock: -6e-5, padded), and by
    Crofton 5 % more surface at the same number of faces. Cooling from a temperature of 7e-4
    over one sweep did not change that.

    References
    ----------
    Yeong, C. L. Y. and Torquato, S. (1998), Phys. Rev. E 57, 495 and 58, 224
    (three dimensions from slices). Tang, T., Teng, Q., He, X. and Luo, D. (2009), J.
    Microscopy 234, 262 (swaps at interfaces). Jiao, Y., Stillinger, F. H. and Torquato, S.
    (2009), PNAS 106, 17634 (:math:`C_2` as a target). Lu, B. and Torquato, S. (1992), Phys.
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
    r_max: LengthLike | None = None
    start: str = "gaussian-field"
    sweeps: float = 4.0
    tolerance: float = 5e-5
    temperature: float = 0.0
    join_clusters: bool = False

    @property
    def layout(self) -> Layout:
        """Return the arrays of the fit; the connected share only where clusters are joined."""
        return {**_LAYOUT, _CONNECTED: ("float64", ("phase", 3, "lag"))} if self.join_clusters else _LAYOUT

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Measure the functions, and fit the Gaussian field of the start."""
        from microchar.generators.gaussian_field import GaussianField

        self._check_parameters()
        (s2, lineal_path), lags = self._targets(data, progress)
        connected = self._connected(data, lags, progress) if self.join_clusters else {}
        field = GaussianField()
        fitted = field.learn(data, rng, section(progress, 0.5, 1.0, "start: "))
        self.history["start"] = field.history
        return (
            {
                "s2": s2,
                "lineal_path": lineal_path,
                "lags": lags.astype(np.int64),
                "fractions": data.volume_fractions(),
            }
            | {_FIELD + key: array for key, array in fitted.items()}
            | connected
        )

    def _connected(self, data: TrainingData, lags: np.ndarray, progress: Progress) -> dict[str, np.ndarray]:
        """Return the connected share of the pairs of the training volume."""
        from microchar.generators.annealing.targets import connected_share

        if data.volume is None:
            raise InputError(
                "join_clusters=True: needs a 3D volume, found slices or descriptors, which do not show how phases "
                "connect; fit to a volume, or leave it out"
            )
        progress(0.5, "clusters")
        a, b, c = lags.tolist()
        return {_CONNECTED: connected_share(data.volume, (a, b, c))}

    def _targets(self, data: TrainingData, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Return the functions to reach, and the largest lag along each axis."""
        from microchar.generators.annealing.targets import functions_of_descriptors, functions_of_tallies, tally
        from microchar.metrics._directional import resolve_r_max

        if data.descriptors is not None:
            functions = [data.descriptors.function(name, self.id) for name in FUNCTIONS]
            return functions_of_descriptors(functions, self.r_max, data.material)
        volumes = _volumes(data)
        tallies = []
        for i, volume in enumerate(volumes):
            text = f"S2 and L of volume or slice {i + 1} of {len(volumes)}"
            part = section(progress, 0.5 * i / len(volumes), 0.5 * (i + 1) / len(volumes), text)
            part(0.0, "")
            tallies.append(tally(volume, resolve_r_max(volume.grid, self.r_max), progress=part))
        return functions_of_tallies(tallies, data.material.voxel_size)

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Make the start and anneal it."""
        self._check_parameters()
        self._check_shape(shape)
        progress(0.0, "start")
        labels = self._initial_labels(shape, rng, section(progress, 0.0, 0.1, "start: "))
        run = self._run(labels, periodic, int(rng.integers(2**63)))
        checkpoint = self._checkpoint(run)
        if checkpoint is not None and self.resume:
            checkpoint.restore(run)
        self._anneal(run, checkpoint, section(progress, 0.1, 1.0))
        s2, lineal_path = run.errors()
        self.remarks |= {
            "RMS error of S2": float(s2),
            "RMS error of L": float(lineal_path),
            "swaps tried": run.done,
            "swaps kept": run.kept,
        }
        return run.labels

    def _anneal(self, run: Run, checkpoint: Checkpoint | None, progress: Progress) -> None:
        """Try swaps until the tolerance is reached or the budget is used; then join clusters if that is asked for."""
        from microchar.generators.annealing.checkpoint import saving

        swapping = section(progress, 0.0, _SWAPPING) if self.join_clusters else progress
        with saving(run, checkpoint) as saved:
            # Joining clusters changes S2 and L a little: a run that has begun with that does not go back.
            while not run.rounds:
                s2, lineal_path = run.errors()
                share = run.done / run.tries
                swapping(share, f"{share:.0%} of the swaps: error {s2:.5f} of S2, {lineal_path:.5f} of L")
                if run.done >= run.tries or run.error() < self.tolerance:
                    break
                run.advance()
                saved()
            if self.join_clusters:
                self._join(run, saved, section(progress, _SWAPPING, 1.0))

    def _join(self, run: Run, saved: Callable[[], None], progress: Progress) -> None:
        """Join clusters until the connected share is reached, or nothing improves it."""
        from microchar.generators.annealing.joining import Joining

        joining = Joining(run, self.state[_CONNECTED])
        begin = joining.error()
        while not joining.finished():
            done = 1 - joining.error() / begin
            progress(done, f"{run.rounds} rounds of joining: error {joining.error():.4f} of the connected share")
            joining.advance()
            saved()
        self.remarks |= {"RMS error of C2 / S2": joining.error(), "rounds of joining": run.rounds}

    def _run(self, labels: np.ndarray, periodic: tuple[int, ...], seed: int) -> Run:
        from microchar.generators.annealing.run import Run

        return Run(
            labels=labels,
            target=np.stack([self.state["s2"], self.state["lineal_path"]]),
            lags=self.state["lags"],
            periodic=periodic,
            tries=max(1, round(self.sweeps * labels.size)),
            temperature=self.temperature,
            seed=seed,
        )

    def _checkpoint(self, run: Run) -> Checkpoint | None:
        """Return the checkpoint of this request; None if no progress is kept."""
        from microchar.generators.annealing.checkpoint import Checkpoint

        if self.folder is None:
            return None
        fit = hashlib.sha256()
        for key in sorted(self.state):
            fit.update(np.ascontiguousarray(self.state[key]).tobytes())
        request = {"shape": run.labels.shape, "periodic": run.periodic, "seed": run.seed, "fit": fit.hexdigest()}
        return Checkpoint(folder=self.folder, request=self.parameters() | request)

    def check_state(self) -> None:
        """Check the functions, the volume fractions, and the fields of the start."""
        from microchar.generators.gaussian_field.generator import check_fields

        s2, fractions = self.state["s2"], self.state["fractions"]
        for functions in (self.state[key] for key in ("s2", "lineal_path", _CONNECTED) if key in self.state):
            if not ((functions >= -_ROUNDING) & (functions <= 1 + _ROUNDING)).all():
                raise ValueError("its functions are no probabilities")
        if not ((self.state["lags"] >= 0) & (self.state["lags"] < s2.shape[-1])).all():
            raise ValueError(f"its largest lags are {self.state['lags'].tolist()} of {s2.shape[-1]}")
        check_fractions(fractions)
        if self.material is None or len(fractions) != len(self.material.phases) or not fractions.all():
            raise ValueError("it has not one volume fraction above 0 for each phase")
        field = {key: self.state[_FIELD + key] for key in ("covariance", "fractions", "order")}
        check_fields(**field, phases=len(fractions))

    def _initial_labels(self, shape: Triple, rng: np.random.Generator, progress: Progress) -> np.ndarray:
        """Return the initial labels, in which all phases occur."""
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
                f"shape={shape}: too small for all phases of the training data, whose volume fractions are "
                f"{', '.join(f'{share:.2g}' for share in self.state['fractions'])}; choose a larger shape"
            )
        return labels

    def _check_parameters(self) -> None:
        if self.start not in _STARTS:
            raise InputError(f"start={self.start!r}: expected one of {', '.join(_STARTS)}")
        if not _is_number(self.sweeps) or not self.sweeps > 0:
            raise InputError(f"sweeps={self.sweeps!r}: expected a number of swaps per voxel, greater than 0")
        if not isinstance(self.join_clusters, bool):
            raise InputError(f"join_clusters={self.join_clusters!r}: expected True or False")
        for name in ("tolerance", "temperature"):
            error = getattr(self, name)
            if not _is_number(error) or not 0 <= error < 1:
                raise InputError(f"{name}={error!r}: expected an error of S2 and L, 0 or more and below 1")

    def _check_shape(self, shape: Triple) -> None:
        """Refuse an axis shorter than two correlation lengths, along which S2 could not decay."""
        fractions = self.state["fractions"][:, np.newaxis, np.newaxis]
        correlation = (self.state["s2"] - fractions**2) / (fractions * (1 - fractions))
        decayed = correlation < np.exp(-1)
        lengths = np.where(decayed.any(axis=-1), decayed.argmax(axis=-1), 0).max(axis=0)
        for axis, (n, length) in enumerate(zip(shape, lengths, strict=True)):
            if 1 < n < 2 * length:
                raise InputError(
                    f"shape={shape}: {n} voxels along axis {axis}, along which the training data have a "
                    f"correlation length of {length}; expected at least {2 * length}"
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _volumes(data: TrainingData) -> list[Volume]:
    """Return the volume, or each slice as a volume that is one voxel thick."""
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
