"""What other packages call the values of ours, and how they follow from each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from microchar.core.result import Result, Value
from microchar.measurement.record import Record, VolumeRecord

Conversion = Callable[[float, Value, Result, VolumeRecord], "float | None"]


def _same(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    del value, result, volume
    return number


@dataclass(frozen=True, kw_only=True)
class Equivalent:
    """A value of another package, and how it follows from one of ours.

    Parameters
    ----------
    package : str
        Name on PyPI.
    call : str
        Expression that gives the value, of `im`, the phase as a boolean image,
        `labels`, the phases as numbers, `levels`, the grey levels as bytes,
        `spacing`, the voxel size, and `axis`, the direction.
    metric : str
        Id of our metric.
    key : mapping of str to str
        Parts of the key of our value.
    how : str
        How the value follows from ours, as text of the documentation.
    convert : callable
        ``convert(number, value, result, volume)`` returns the value, or None where
        the other package does not have it for such a volume.
    exact : bool
        Whether the two differ by rounding only.
    """

    package: str
    call: str
    metric: str
    key: Mapping[str, str] = field(default_factory=dict)
    how: str = "the same"
    convert: Conversion = _same
    exact: bool = True

    def of(self, result: Result, volume: VolumeRecord) -> Iterator[tuple[Value, float]]:
        """Yield our values of a result that the package has, too, each with the converted number."""
        if result.metric != self.metric or _periodic(result):
            return
        for value in result.values:
            # What several conducting phases do together is not what the expression computes.
            if value.value is None or "+" in value.phase or not value.matches(**self.key):
                continue
            number = self.convert(value.value, value, result, volume)
            if number is not None:
                yield value, number


@dataclass(frozen=True)
class Converted:
    """One of our values as another package gives it.

    Parameters
    ----------
    volume : str
        Name of the volume.
    value : Value
        Our value.
    number : float
        The value of the other package.
    equivalent : Equivalent
    """

    volume: str
    value: Value
    number: float
    equivalent: Equivalent


def converted(record: Record, package: str) -> list[Converted]:
    """Return the values of a record that another package has too, in its convention.

    Values with periodic boundaries, of pairs, and of volumes with a mask are left out:
    the expressions know neither.

    Parameters
    ----------
    record : Record
    package : str
        One of `PACKAGES`.

    Returns
    -------
    list of Converted
    """
    volumes = {volume.name: volume for volume in record.volumes if not volume.masked}
    return [
        Converted(named.volume, value, number, equivalent)
        for named in record.results
        if named.volume in volumes and not named.reference
        for equivalent in EQUIVALENTS
        if equivalent.package == package
        for value, number in equivalent.of(named.result, volumes[named.volume])
    ]


def _periodic(result: Result) -> bool:
    return "periodic" in result.convention.get("boundary", "").replace("non-periodic", "")


def _axes(volume: VolumeRecord) -> list[int]:
    return [axis for axis, n in enumerate(volume.shape) if n > 1]


def _edge(volume: VolumeRecord) -> float | None:
    """Return the edge of a voxel if it is a cube (of an image, a square)."""
    edges = {volume.voxel_size[axis] for axis in _axes(volume)}
    return edges.pop() if len(edges) == 1 else None


def _size(volume: VolumeRecord) -> float:
    """Return the volume, or of an image the area, in the unit of length."""
    return math.prod(volume.shape[axis] * volume.voxel_size[axis] for axis in _axes(volume))


def _mesh_area(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    if len(_axes(volume)) < 3:
        return None
    # Our density is per volume between the centres of the outermost voxels, where the mesh ends.
    return number * math.prod((n - 1) * edge for n, edge in zip(volume.shape, volume.voxel_size, strict=True))


def _euler_number(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    return float(round(number * _size(volume)))


def _voxel_radius(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    edge = _edge(volume)
    return None if edge is None else number / 2 / edge


def _share_of_edges(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    edge = _edge(volume)
    if edge is None or len(volume.phases) != 3 or len(_axes(volume)) != 3:
        return None
    n0, n1, n2 = volume.shape
    inner = n0 * (n1 - 1) * (n2 - 1) + n1 * (n0 - 1) * (n2 - 1) + n2 * (n0 - 1) * (n1 - 1)
    return number * edge**2 * n0 * n1 * n2 / inner


def _if_positive(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    return number or None


def _inverse(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    return 1 / number if number else None


def _of_percolating_part(number: float, value: Value, result: Result, volume: VolumeRecord) -> float | None:
    key = {"phase": value.phase, "direction": value.direction, "feature": "percolating_volume_fraction"}
    share = [other.value for other in result.values if other.matches(**key)]
    return share[0] / number if number and share and share[0] is not None else None


_HEADLINE = {"feature": ""}
_SOLVER = "taufactor.Solver(im.swapaxes(0, axis), device='cpu')"
_ENDS = "about the same: its concentration is fixed at the centres of the end voxels, not at their faces"
_GLCM = (
    "np.mean([graycoprops(graycomatrix(plane, [1], np.pi / 4 * np.arange(4), 256, True, True), '{}').mean() "
    "for plane in np.moveaxis(levels, axis, 0)])"
)

#: All equivalents; the tests evaluate each expression.
EQUIVALENTS: tuple[Equivalent, ...] = (
    Equivalent(package="porespy", call="porespy.metrics.porosity(im)", metric="volume_fraction"),
    Equivalent(
        package="porespy",
        call=(
            "porespy.filters.local_thickness(im, method='legacy', sizes=np.unique(edt(im)[im]), smooth=True)[im].mean()"
        ),
        metric="local_thickness",
        key={"feature": "mean"},
        how=":math:`t / 2h`: its thickness is a radius in voxels of edge :math:`h`",
        convert=_voxel_radius,
    ),
    Equivalent(
        package="porespy",
        call="porespy.metrics.percolating_porosity(im, axis)",
        metric="effective_diffusivity",
        key={"feature": "percolating_volume_fraction"},
    ),
    Equivalent(
        package="porespy",
        call="porespy.simulations.tortuosity_fd(im, axis).formation_factor",
        metric="effective_diffusivity",
        key=_HEADLINE,
        how=f":math:`D_0 / D_\\mathrm{{eff}}`, {_ENDS}",
        convert=_inverse,
        exact=False,
    ),
    Equivalent(
        package="porespy",
        call="porespy.simulations.tortuosity_fd(im, axis).tortuosity",
        metric="effective_diffusivity",
        key=_HEADLINE,
        how=(
            ":math:`\\phi_\\mathrm{perc} D_0 / D_\\mathrm{eff}`, with the percolating instead of the total volume "
            f"fraction, {_ENDS}"
        ),
        convert=_of_percolating_part,
        exact=False,
    ),
    Equivalent(
        package="taufactor",
        call="taufactor.metrics.volume_fraction(im, {'phase': 1})['phase']",
        metric="volume_fraction",
    ),
    Equivalent(
        package="taufactor",
        call="taufactor.metrics.specific_surface_area(im.astype(int), spacing, {'phase': 1}, 'face_counting')['phase']",
        metric="specific_surface_area",
        key={"estimator": "faces"},
    ),
    Equivalent(
        package="taufactor",
        call="taufactor.metrics.triple_phase_boundary(labels.astype(int))",
        metric="triple_phase_boundary",
        key={"estimator": "edges"},
        how=(
            "times :math:`h^2 n_0 n_1 n_2`, divided by the number of edges inside the volume (three phases, cubic "
            "voxels of edge :math:`h`): it is a share of edges, not a length"
        ),
        convert=_share_of_edges,
    ),
    Equivalent(
        package="taufactor",
        call="taufactor.metrics.extract_through_feature(im, 1, 'xyz'[axis])[1][0]",
        metric="percolating_fraction",
        how="the same, for common faces",
    ),
    Equivalent(package="taufactor", call=f"{_SOLVER}.solve()", metric="tortuosity_factor", key=_HEADLINE),
    Equivalent(
        package="taufactor",
        call=f"im.mean() / {_SOLVER}.solve()",
        metric="effective_diffusivity",
        key=_HEADLINE,
        how="the same, where the phase percolates; the attribute ``D_eff`` of the solver after its ``solve``",
        convert=_if_positive,
    ),
    Equivalent(
        package="scikit-image",
        call="skimage.measure.mesh_surface_area(*skimage.measure.marching_cubes(im, 0.5, spacing=spacing)[:2])",
        metric="specific_surface_area",
        key={"estimator": "marching_cubes"},
        how=("times :math:`\\prod_a (n_a - 1) h_a`, the volume between the centres of the outer voxels: it is an area"),
        convert=_mesh_area,
    ),
    Equivalent(
        package="scikit-image",
        call="skimage.measure.euler_number(im, connectivity=1)",
        metric="euler_characteristic",
        key={"feature": "connectivity_6", "estimator": "padded"},
        how="times the volume :math:`V`: it is a number",
        convert=_euler_number,
    ),
    Equivalent(
        package="scikit-image",
        call="skimage.measure.euler_number(im, connectivity=3)",
        metric="euler_characteristic",
        key={"feature": "connectivity_26", "estimator": "padded"},
        how="times the volume :math:`V`: it is a number",
        convert=_euler_number,
    ),
    *(
        Equivalent(
            package="scikit-image",
            call=_GLCM.format(peer),
            metric="glcm",
            key={"feature": feature},
            how="the same, under the name ``ASM``; its ``energy`` is the root of that" if peer == "ASM" else "the same",
        )
        for feature, peer in (
            ("contrast", "contrast"),
            ("homogeneity", "homogeneity"),
            ("energy", "ASM"),
            ("entropy", "entropy"),
        )
    ),
)
PACKAGES = tuple(dict.fromkeys(equivalent.package for equivalent in EQUIVALENTS))
