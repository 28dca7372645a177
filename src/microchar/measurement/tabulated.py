"""`Tabulated`: results of one or several volumes as tables, datasets and plots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from microchar.core.errors import InputError
from microchar.core.plotting import plot_results
from microchar.core.text import did_you_mean
from microchar.measurement.record import Record
from microchar.measurement.tables import Named, dataset, everything, profiles, scalars

if TYPE_CHECKING:
    import pandas as pd
    import xarray
    from matplotlib.axes import Axes


class Tabulated(ABC):
    """Base of what `measure` and `compare` return."""

    @abstractmethod
    def named(self) -> list[Named]:
        """Return the results with the names of their volumes."""

    @abstractmethod
    def record(self, **provenance: Any) -> Record:
        """Return the record, which can be written or reported."""

    def to_dict(self, **provenance: Any) -> dict[str, Any]:
        """Return the record as plain Python objects: the content of ``results.json``."""
        return self.record(**provenance).to_dict()

    def scalars(self) -> pd.DataFrame:
        """Return the values as a tidy table with a row for each value."""
        return scalars(self.named())

    def profiles(self) -> pd.DataFrame:
        """Return the profiles as a tidy table with a row for each point."""
        return profiles(self.named())

    def to_pandas(self) -> pd.DataFrame:
        """Return all values and profiles as one tidy table: `scalars`, without x, then `profiles`."""
        return everything(self.named())

    def to_xarray(self) -> xarray.Dataset:
        """Return the profiles as an xarray dataset.

        A metric with profiles is a variable, or one for each feature (``lineal_path``,
        ``chord_length_distribution_cdf``). Its dimensions are "phase", "direction",
        "<variable>_x" and, of several volumes, "volume"; "<variable>_standard_error" is
        another variable. It is nan where a direction or phase has no point at an x of
        the others.
        """
        return dataset(self.named())

    def plot(self, metric: str | None = None, *, ax: Axes | None = None, **key: str) -> Axes:
        """Draw the results of one metric: profiles with 95 % bands, or values as dots with bars.

        Parameters
        ----------
        metric : str, optional
            Id of the metric; needed if several were measured.
        ax, **key
            See `Result.plot`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        results = self.named()
        known = list(dict.fromkeys(named.result.metric for named in results))
        if metric is None and len(known) == 1:
            (metric,) = known
        if metric not in known:
            hint = did_you_mean(metric or "", known)
            raise InputError(f"plot: found metric={metric!r}, {hint}expected one of {', '.join(known)}")
        return plot_results({n.volume: n.result for n in results if n.result.metric == metric}, ax, key)
