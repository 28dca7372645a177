"""`Estimate`: numbers of one volume, or of several, with what their covariance is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microchar.core.spectrum import Spectrum

#: Degrees of freedom that a variance must have.
_LEAST_DF = 0.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimates of several numbers, with the evidence of their covariance.

    The covariance comes either from the scatter of independent samples, or from the
    spectrum of one volume.

    Parameters
    ----------
    value : ndarray, (numbers,)
    spectrum : Spectrum, optional
        Spectrum of the influence of the cells of one volume.
    extent : float
        Volume (of an image, the area) that the spectrum, or each sample, belongs to.
    samples : ndarray, (samples, numbers), optional
        Numbers of each sample. `value` is their mean.
    fitted : float
        Number of coefficients that were fitted to the same evidence, by which its
        degrees of freedom are reduced.
    integral_range : float, optional
        Volume (of an image, the area) that belongs to one independent observation, for
        the spectrum of one volume.
    """

    value: np.ndarray
    spectrum: Spectrum | None = None
    extent: float = 1.0
    samples: np.ndarray | None = None
    fitted: float = 0.0
    integral_range: float | None = None

    @classmethod
    def of_samples(cls, samples: Sequence[np.ndarray] | np.ndarray, extent: float = 1.0) -> Estimate:
        """Return the mean of independent samples of one extent; the standard error follows from their scatter."""
        rows = np.asarray(samples, float)
        return cls(rows.mean(axis=0), extent=extent, samples=rows)

    @classmethod
    def joined(cls, estimates: Sequence[Estimate]) -> Estimate:
        """Return the numbers of several estimates, with the same kind of evidence, as one estimate."""
        first = estimates[0]
        value = np.concatenate([e.value for e in estimates])
        if first.samples is not None:
            samples = np.concatenate([e.samples for e in estimates if e.samples is not None], axis=1)
            return replace(first, value=value, samples=samples)
        spectra = [e.spectrum for e in estimates if e.spectrum is not None]
        parts = [s.parts for s in spectra if s.parts is not None]
        columns = np.concatenate([s.coefficients for s in spectra], axis=1)
        joined = replace(spectra[0], coefficients=columns, parts=np.concatenate(parts, axis=1) if parts else None)
        return replace(first, value=value, spectrum=joined)

    @property
    def whole(self) -> float:
        """Extent of the volume, or of all samples together."""
        return self.extent * (len(self.samples) if self.samples is not None else 1)

    @property
    def observations(self) -> float | None:
        """Number of independent observations: samples, or integral ranges that the volume holds."""
        if self.samples is not None:
            return float(len(self.samples))
        return self.extent / self.integral_range if self.integral_range else None

    @property
    def parts(self) -> np.ndarray:
        """Deviations of samples, or of parts of the volume, that scatter as `value` does; (parts, numbers)."""
        if self.samples is not None:
            return (self.samples - self.value) / np.sqrt(max(len(self.samples) - 1, 1))
        assert self.spectrum is not None
        return np.empty((0, len(self.value))) if self.spectrum.parts is None else self.spectrum.parts

    @property
    def variance(self) -> np.ndarray:
        """Variance of each number."""
        if self.samples is not None:
            m = len(self.samples)
            lost = m - 1 - self.fitted
            return (
                self.samples.var(axis=0, ddof=1) / m * (m - 1) / lost if lost > 0 else np.full(len(self.value), np.nan)
            )
        assert self.spectrum is not None
        return self.spectrum.variance

    @property
    def df(self) -> np.ndarray:
        """Degrees of freedom of each variance."""
        if self.samples is not None:
            return np.full(len(self.value), len(self.samples) - 1 - self.fitted)
        assert self.spectrum is not None
        return self.spectrum.df - self.fitted

    @property
    def evidence(self) -> np.ndarray:
        """Deviations, (observations, numbers), of which the regression on other numbers is made."""
        if self.samples is not None:
            return (self.samples - self.value) * np.sqrt(self.extent)
        assert self.spectrum is not None
        # Coefficients of volumes of different sizes have different variances; this scale makes them equal.
        return self.spectrum.coefficients * np.sqrt(self.extent / self.spectrum.cells)

    def noise(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """Draw errors of the numbers, (draws, numbers), with the covariance of the evidence."""
        if self.samples is not None:
            m = len(self.samples)
            return rng.standard_normal((draws, m)) @ (self.samples - self.value) / np.sqrt(m * (m - 1))
        assert self.spectrum is not None
        weights = np.exp(np.outer(self.spectrum.q, self.spectrum.slopes) / 2)
        modes = len(self.spectrum.q)
        coefficients = self.spectrum.coefficients * weights
        return rng.standard_normal((draws, modes)) @ coefficients / np.sqrt(modes * self.spectrum.cells)

    def first(self) -> Estimate:
        """Return the estimate of the first number alone."""
        samples = None if self.samples is None else self.samples[:, :1]
        spectrum = self.spectrum and self.spectrum.linear(lambda rows: rows[:, :1])
        return replace(self, value=self.value[:1], spectrum=spectrum, samples=samples)

    def zero(self) -> Estimate:
        """Return an estimate of zero without error, with the same kind of evidence."""
        if self.samples is not None:
            return replace(self, value=np.zeros_like(self.value), samples=np.zeros_like(self.samples))
        assert self.spectrum is not None
        return replace(self, value=np.zeros_like(self.value), spectrum=self.spectrum.linear(np.zeros_like))

    def minus(self, other: Estimate, slopes: np.ndarray, fitted: float) -> Estimate:
        """Return the estimate of ``self - other @ slopes``; `fitted` degrees of freedom are lost."""
        spectrum, samples = self.spectrum, self.samples
        if samples is not None:
            assert other.samples is not None
            samples = samples - other.samples @ slopes
        if spectrum is not None:
            assert other.spectrum is not None
            parts, of_other = spectrum.parts, other.spectrum.parts
            spectrum = replace(
                spectrum,
                coefficients=spectrum.coefficients - other.spectrum.coefficients @ slopes,
                parts=None if parts is None or of_other is None else parts - of_other @ slopes,
            )
        value = self.value - other.value @ slopes
        return replace(self, value=value, spectrum=spectrum, samples=samples, fitted=self.fitted + fitted)


def at_equal_fraction(
    pair: tuple[Estimate, Estimate], fractions: tuple[Estimate, Estimate]
) -> tuple[Estimate, Estimate] | None:
    """Remove from two estimates what follows from their volume fractions.

    Parameters
    ----------
    pair : tuple of Estimate
        Estimates of the same numbers in two materials.
    fractions : tuple of Estimate
        Volume fractions of all phases but one, with the same kind of evidence.

    Returns
    -------
    tuple of Estimate
        The estimates minus their regression on the volume fractions. The slopes are
        fitted to the evidence of both materials together. Only their difference has
        a meaning. None if there are too few samples to estimate a variance then.
    """
    x = np.concatenate([f.evidence for f in fractions])
    y = np.concatenate([e.evidence for e in pair])
    slopes, _, rank, _ = np.linalg.lstsq(x, y, rcond=1e-9)
    # Each slope costs half a degree of freedom per side for samples, a whole one per side otherwise.
    lost = rank / 2 if pair[0].samples is not None and pair[1].samples is not None else float(rank)
    first, second = (e.minus(f, slopes, lost) for e, f in zip(pair, fractions, strict=True))
    return (first, second) if min(first.df.min(), second.df.min()) >= _LEAST_DF else None
