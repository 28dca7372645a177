"""Plain solvers for small volumes: a sparse factorisation, or conjugate gradients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microchar.diffusion.network import Network

#: Networks of at most that many nodes are factorised, larger ones if they are thin: pores with narrow throats fall
#: apart into small pieces and fill in little. Measured: 200 000 nodes of Berea's pores (2.65 edges a node) take a
#: tenth of the time of conjugate gradients and 0.35 GB; a solid of 230 000 nodes takes thirty times as long.
_DIRECT = 20_000
_DIRECT_IF_THIN = 250_000
_THIN = 2.7  # edges a node; 3 in bulk
#: Reductions of the residual after which conjugate gradients stop to look at the bounds.
_STOPS = (1e-6, 1e-8, 1e-10, 1e-12, 1e-14)
_MAX_ITERATIONS = 20_000


def fields(network: Network) -> Iterator[tuple[np.ndarray, int, str]]:
    """Give fields of concentration, each better than the one before, with iterations and method."""
    thin = len(network.i) <= _THIN * network.n
    if network.n <= (_DIRECT_IF_THIN if thin else _DIRECT):
        yield _factorised(network), 0, "sparse factorisation"
    else:
        yield from _conjugate_gradients(network)


def _factorised(network: Network) -> np.ndarray:
    from scipy.sparse.linalg import splu

    factors = splu(network.matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    u = factors.solve(network.inlet)
    # One step of refinement brings the residual down to rounding, which the lower bound lives on.
    u += factors.solve(network.inlet - network.matrix @ u)
    return u


def _conjugate_gradients(network: Network) -> Iterator[tuple[np.ndarray, int, str]]:
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg

    matrix = network.matrix.tocsr()
    jacobi = diags_array(1 / matrix.diagonal())
    iterations = 0

    def count(_: np.ndarray) -> None:
        nonlocal iterations
        iterations += 1

    u = np.full(network.n, 0.5)
    for stop in _STOPS:
        u, failed = cg(matrix, network.inlet, u, rtol=stop, maxiter=_MAX_ITERATIONS, M=jacobi, callback=count)
        yield u, iterations, "conjugate gradients"
        if failed:
            return
