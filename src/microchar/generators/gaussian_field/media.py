"""Gaussian-field media in one call: of a given covariance, or matched to a volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microchar.core.volume import Volume, as_volume
from microchar.generators.gaussian_field.generator import GaussianField


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
    r"""Make a two-phase medium by cutting a Gaussian random field of given covariance.

    This is `GaussianField` as a function, except that by default the level is that
    of the ensemble, so that the volume fraction of a sample fluctuates.

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
    hence in volume fraction and specific surface area. All other differences
    between the two are invisible to :math:`S_2`. To see how well :math:`S_2` is
    reproduced, fit a `GaussianField` and read its history.

    Parameters
    ----------
    reference : Volume or array_like
        Converted by `microchar.as_volume`.
    shape : sequence of two or three int, optional
        Shape of the result; by default that of the reference.
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
        If a phase of the reference has no voxels, or there are more than five phases.

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
