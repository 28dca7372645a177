"""The metrics. Each one has its own file, named after its id, which is imported when the metric is first used.

``microchar.metrics.LinealPath(r_max=50)`` is the metric ``lineal_path``.
"""

from __future__ import annotations

from microchar.measurement.catalogue import create_metric, find_metric, metric_names
from microchar.measurement.metric import Metric

__all__ = ["create_metric", "find_metric", "metric_names"]

#: Order of the metrics in tables, files and the report. Metrics that are not listed
#: here come last.
ORDER = (
    "volume_fraction",
    "specific_surface_area",
    "interfacial_area",
    "triple_phase_boundary",
    "two_point_correlation",
    "pair_correlation",
    "two_point_cluster",
    "lineal_path",
    "chord_length_distribution",
    "local_porosity",
    "local_thickness",
    "intrusion",
    "euler_characteristic",
    "cluster_density",
    "largest_cluster_fraction",
    "percolating_fraction",
    "effective_diffusivity",
    "tortuosity_factor",
    "formation_factor",
    "permeability",
    "glcm",
    "anisotropy_index",
    "ssim",
    "psnr",
)


def __getattr__(attribute: str) -> type[Metric]:
    for name in metric_names():
        if _class_name(name) == attribute:
            return find_metric(name)
    raise AttributeError(f"module 'microchar.metrics' has no attribute {attribute!r}")


def __dir__() -> list[str]:
    return [*__all__, *(_class_name(name) for name in metric_names())]


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
