"""Covariances of Gaussian fields given by formulas: three built-in forms and the models of gstools."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.grid import Triple
from microchar.generators.gaussian_field.lattice import scaled_square

#: Largest smoothness of a Matérn covariance; beyond it factors overflow.
_SMOOTHEST = 20
#: Prefix of the name of a gstools model.
_GSTOOLS = "gstools:"


def covariance_of(name: str, smoothness: float, lengths: tuple[float, float, float], lattice: Triple) -> np.ndarray:
    """Return the covariance of a given name on a periodic lattice; see `GaussianField`."""
    if name.startswith(_GSTOOLS):
        model = _gstools_model(name, sum(n > 1 for n in lattice))
        square = scaled_square(lattice, lengths)
        return np.asarray(model.correlation(np.sqrt(square, dtype=float)), np.float32)
    if name not in _FORMS:
        raise InputError(
            f"covariance={name!r}: expected one of {', '.join(_FORMS)}, or {_GSTOOLS} and the name of a model"
        )
    if not isinstance(smoothness, int | float) or not 0 < smoothness <= _SMOOTHEST:
        raise InputError(
            f"smoothness={smoothness!r}: expected a number greater than 0, at most {_SMOOTHEST}; "
            'covariance="gaussian" is nearly the limit for larger ones'
        )
    return _FORMS[name](scaled_square(lattice, lengths), smoothness)


def _gaussian(square: np.ndarray, smoothness: float) -> np.ndarray:
    del smoothness
    return np.exp(-square)


def _exponential(square: np.ndarray, smoothness: float) -> np.ndarray:
    del smoothness
    return np.exp(-np.sqrt(square))


def _matern(square: np.ndarray, smoothness: float) -> np.ndarray:
    from scipy.special import gamma, kv

    u = np.sqrt(2 * smoothness * square.astype(float))
    u[0, 0, 0] = 1  # a placeholder: the value at lag 0 is set below
    rho = 2 ** (1 - smoothness) / gamma(smoothness) * u**smoothness * kv(smoothness, u)
    rho[0, 0, 0] = 1
    return rho.astype(np.float32)


_FORMS = {"gaussian": _gaussian, "exponential": _exponential, "matern": _matern}


# --- gstools -----------------------------------------------------------------


def _gstools_model(text: str, ndim: int) -> Any:
    """Return the gstools model of length scale one in the number of dimensions of the lattice."""
    if find_spec("gstools") is None:
        raise MissingDependencyError(
            f'covariance={text!r} needs gstools, not installed: pip install "microchar[gstools]"'
        )
    import gstools

    name, *parts = (part.strip() for part in text.removeprefix(_GSTOOLS).split(","))
    # Excluded are models without a correlation: the base class, sums of others, and noise.
    models = sorted(set(gstools.covmodel.__all__) - {"CovModel", "SumModel", "Nugget"})
    if name not in models:
        raise InputError(f"covariance={text!r}: gstools has no model {name!r}; it has {', '.join(models)}")
    make = getattr(gstools, name)
    options = dict(_option(part, text) for part in parts)
    # In one dimension all models are valid, so that gstools does not warn.
    plain = make(dim=1)
    unknown = sorted(set(options) - set(plain.opt_arg))
    if unknown:
        known = ", ".join(plain.opt_arg) or "none"
        raise InputError(f"covariance={text!r}: {name} has no parameter {unknown[0]!r}; it has {known}")
    if not plain.check_dim(ndim):
        raise InputError(f"covariance={text!r}: {name} is not a valid covariance in {ndim} dimensions")
    try:
        return make(dim=ndim, **options)
    except ValueError as error:
        raise InputError(f"covariance={text!r}: {error}") from error


def _option(part: str, text: str) -> tuple[str, float]:
    key, sign, value = part.partition("=")
    try:
        if not sign:
            raise ValueError(part)
        return key.strip(), float(value)
    except ValueError:
        raise InputError(f"covariance={text!r}: found {part!r}, expected parameters like nu=1.5") from None
