"""The plan: materials and their slabs, models, and the rows of the source's tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: A part of a volume: start and stop along each axis.
Box = tuple[tuple[int, int, int], tuple[int, int, int]]


@dataclass(frozen=True)
class Material:
    """A real volume, split along an axis: a training slab up to `train`, and a test slab from `test` on.

    Trainings see nothing beyond `train`; the part that they hold out to choose their
    best weights is within the training slab. The slabs are 40 voxels apart.
    """

    shape: tuple[int, int, int]
    axis: int
    train: int
    test: int
    #: Edge of the blocks that samples are compared with, by default.
    size: int = 64
    #: File name of the volume, or the parameters of a Gaussian field in its stead.
    file: str = ""
    gaussian: Mapping[str, str] = field(default_factory=dict)
    #: Voxels that the field is longer than the shape: it is periodic, and its ends must not be alike.
    margin: tuple[int, int, int] = (0, 0, 0)
    #: Settings of all networks trained on it.
    settings: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def train_box(self) -> Box:
        """Return the training slab."""
        return (0, 0, 0), self._with(self.shape, self.train)

    @property
    def test_box(self) -> Box:
        """Return the test slab."""
        return self._with((0, 0, 0), self.test), self.shape

    def _with(self, corner: tuple[int, int, int], position: int) -> tuple[int, int, int]:
        a, b, c = (position if axis == self.axis else n for axis, n in enumerate(corner))
        return a, b, c


_PER_AXIS = {"anisotropic": "true"}
MATERIALS = {
    "berea": Material((400, 400, 400), 0, 232, 272, file="berea.tif"),
    "ketton": Material((256, 256, 256), 0, 152, 192, file="ketton.tif"),
    "nmc": Material(
        (251, 301, 301),
        1,
        197,
        237,
        file="nmc_cathode.tif",
        settings=_PER_AXIS,
        note="One critic per axis: interfaces across axis 0 outnumber those across the other axes by a fifth.",
    ),
    "anisotropic": Material(
        (256, 256, 256),
        0,
        152,
        192,
        gaussian={"covariance": "gaussian", "correlation_length": "4,8,16", "volume_fraction": "0.4"},
        margin=(40, 32, 64),
        settings=_PER_AXIS,
        note=r"A Gaussian field of covariance :math:`\exp(-(h_0/4)^2 - (h_1/8)^2 - (h_2/16)^2)`, lags :math:`h` in "
        "voxels, cut so that phase 1 has 0.4 of the ensemble; one critic per axis. The Gaussian-field generator "
        "is exact here: no model can be better than another sample of the same ensemble.",
    ),
    "separator": Material(
        (156, 75, 75),
        0,
        68,
        108,
        size=32,
        file="separator.tif",
        settings=_PER_AXIS,
        note="One critic per axis.",
    ),
    "synthetic": Material(
        (120, 64, 64),
        0,
        48,
        88,
        size=32,
        gaussian={"covariance": "gaussian", "correlation_length": "4", "volume_fraction": "0.4"},
        note="A small Gaussian field to try the benchmark with.",
    ),
}
DEFAULT_MATERIALS = ("berea", "ketton", "nmc", "anisotropic")


@dataclass(frozen=True)
class Row:
    """A model: a generator and its settings, as `microchar fit` takes them."""

    generator: str = "unet-gan"
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is trained on the three middle planes of the slab only.
    slices: bool = False

    @property
    def learns(self) -> bool:
        """Whether its training uses the time budget."""
        return self.generator != "gaussian-field"


_OFF = {"mhfa_kernels": "", "msca_kernels": "", "cbam": "false"}


def _with(*parts: str, **settings: str) -> Row:
    """Return the U-net with some of its three modules only."""
    return Row(settings={key: value for key, value in _OFF.items() if key.partition("_")[0] not in parts} | settings)


ROWS = {
    "default": Row(),
    # As large as in the source. Give it less with --set paper:width=8 --set paper:batch=1; tables then say so.
    "paper": Row(settings={"preset": "paper"}),
    "baseline": _with(loss="wasserstein"),
    "slicegan": Row("slicegan"),
    # Volume fractions of samples fluctuate as in windows of an endless medium.
    "gaussian-field": Row("gaussian-field", {"exact_fraction": "false"}),
    "none of the three": _with(),
    "MHFA": _with("mhfa"),
    "MSCA": _with("msca"),
    "CBAM": _with("cbam"),
    "MHFA MSCA": _with("mhfa", "msca"),
    "MHFA CBAM": _with("mhfa", "cbam"),
    "MSCA CBAM": _with("msca", "cbam"),
    "no L1": Row(settings={"loss": "wasserstein"}),
    "probabilities": Row(settings={"straight_through": "false"}),
    "no label noise": Row(settings={"label_noise": "0"}),
    "three slices": Row(slices=True),
    "volume critic": Row(settings={"critic": "volume"}),
    "both critics": Row(settings={"critic": "both"}),
    # The weight of the L1 term; the default is 5.
    "L1 times 0.1": Row(settings={"lambda_l1": "0.5"}),
    "L1 times 10": Row(settings={"lambda_l1": "50"}),
} | {
    f"{name} {kernels.replace(',', '-')} CBAM": _with("cbam", **{f"{name.lower()}_kernels": kernels})
    for name in ("MHFA", "MSCA")
    for kernels in ("3,5", "3,7", "5,7")
}
MODELS = (
    "default",
    "no label noise",
    "probabilities",
    "three slices",
    "paper",
    "baseline",
    "slicegan",
    "gaussian-field",
)


@dataclass(frozen=True)
class Table:
    """A table of the source: its rows by our names, with SSIM and PSNR as printed there."""

    title: str
    material: str
    rows: Mapping[str, tuple[float, float] | None]


# For all kernels, table S8 prints the values of table 4 for MHFA with CBAM and MSCA with CBAM: so CBAM is on.
TABLES = {
    "2": Table("Table 2, Berea", "berea", {"baseline": (0.462, 23.496), "default": (0.575, 26.900)}),
    "3": Table("Table 3, Ketton", "ketton", {"baseline": (0.208, 23.506), "default": (0.293, 24.321)}),
    "4": Table(
        "Table 4, NMC: the parts",
        "nmc",
        {
            "baseline": (0.266, 18.493),
            "none of the three": None,
            "MHFA": (0.312, 20.357),
            "MSCA": (0.290, 18.984),
            "CBAM": (0.286, 18.571),
            "MHFA MSCA": (0.301, 18.936),
            "MHFA CBAM": (0.369, 20.956),
            "MSCA CBAM": (0.347, 19.203),
            "default": (0.461, 22.035),
        },
    ),
    "5": Table(
        "Table 5, white cast iron; here an anisotropic Gaussian field",
        "anisotropic",
        {"baseline": (0.231, 24.392), "default": (0.351, 26.336)},
    ),
    "6": Table(
        "Table 6, a Cu-Zn alloy; here the separator",
        "separator",
        {"baseline": (0.100, 23.247), "default": (0.201, 24.681)},
    ),
    "7": Table(
        "Table 7, NMC: the losses",
        "nmc",
        {
            "no L1": (0.453, 20.871),
            "L1 times 0.1": None,
            "default": (0.461, 22.035),
            "L1 times 10": None,
            "probabilities": None,
            "no label noise": None,
        },
    ),
    "S8": Table(
        "Table S8, NMC: the kernels",
        "nmc",
        {
            "MHFA 3-5 CBAM": (0.278, 20.200),
            "MHFA 3-7 CBAM": (0.313, 19.977),
            "MHFA 5-7 CBAM": (0.286, 20.899),
            "MHFA CBAM": (0.369, 20.956),
            "MSCA 3-5 CBAM": (0.285, 18.923),
            "MSCA 3-7 CBAM": (0.301, 19.308),
            "MSCA 5-7 CBAM": (0.281, 19.219),
            "MSCA CBAM": (0.347, 19.203),
            "default": (0.461, 22.035),
        },
    ),
}


@dataclass(frozen=True)
class Run:
    """One model with one seed and budget on one material; its folder holds all its files."""

    material: str
    row: str
    seed: int
    minutes: float
    work: Path

    @property
    def folder(self) -> Path:
        """Return the folder of model, samples and scores."""
        return self.work / self.material / f"{self.minutes:g}-minutes" / f"{self.row.replace(' ', '-')}-{self.seed}"

    @property
    def model(self) -> Path:
        """Return the file of the model."""
        return self.folder / "model.safetensors"

    @property
    def label(self) -> str:
        """Return its name in messages."""
        return f"{self.material}, {self.row}, seed {self.seed}"


def name_of(row: str, material: str, settings: Mapping[str, str]) -> str:
    """Return what ran: the name of a row, and the settings that neither the row nor the material has of itself."""
    own = {**MATERIALS[material].settings, **ROWS[row].settings}
    more = [f"{key}={value or 'none'}" for key, value in settings.items() if own.get(key) != value]
    return f"{row} ({' '.join(more)})" if more else row


def wanted(materials: list[str], models: list[str], tables: list[str], seeds: list[int]) -> list[tuple[str, str, int]]:
    """Return material, row and seed of all requested runs; those of the first seed come first."""
    pairs = [(material, model) for material in materials for model in models] if not tables else []
    pairs += [(TABLES[name].material, row) for name in tables for row in TABLES[name].rows]
    return [(material, row, seed) for seed in seeds for material, row in dict.fromkeys(pairs)]


def settings_of(run: Run, given: list[str]) -> dict[str, str]:
    """Return the settings of a run: those of all U-nets, of the material, of its row, and given for its row.

    `given` is as on the command line: ``key=value`` for all U-nets, ``row:key=value`` for one row.
    """
    row = ROWS[run.row]
    for_all: dict[str, str] = {}
    for_this: dict[str, str] = {}
    for text in given:
        name, colon, _ = text.partition("=")[0].partition(":")
        key, sign, value = text.removeprefix(f"{name}:" if colon else "").partition("=")
        if not sign or not key or (colon and name not in ROWS):
            sys.exit(f"--set {text}: expected KEY=VALUE, or MODEL:KEY=VALUE with one of {', '.join(ROWS)}")
        if colon and name == run.row:
            for_this[key] = value
        elif not colon and row.generator == "unet-gan":
            for_all[key] = value
    of_material = MATERIALS[run.material].settings if row.learns else {}
    return {**for_all, **of_material, **row.settings, **for_this}
