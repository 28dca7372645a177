"""The problem as an assembled network of conductors, for small volumes and for tests of the multigrid solver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microchar.diffusion.problem import Problem

#: Allowance for the relative rounding error of the float64 sums over such a network, with a wide margin.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Network:
    """The voxels that conduct from one end face to the other, as nodes of a network.

    Parameters
    ----------
    i, j, g : ndarray
        Edges: the two nodes of each edge and its conductance.
    inlet, outlet : ndarray, (nodes,)
        Conductance between each node and the two end faces; 0 for nodes that are not at
        the end face.
    """

    i: np.ndarray
    j: np.ndarray
    g: np.ndarray
    inlet: np.ndarray
    outlet: np.ndarray

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.inlet)

    @cached_property
    def matrix(self) -> Any:
        """Symmetric positive definite sparse matrix of the network."""
        from scipy.sparse import coo_array

        links = coo_array((self.g, (self.i, self.j)), shape=(self.n, self.n)).tocsr()
        links = links + links.T
        diagonal = links.sum(axis=1) + self.inlet + self.outlet
        nodes = np.arange(self.n)
        return (coo_array((diagonal, (nodes, nodes)), shape=(self.n, self.n)) - links).tocsc()

    def bounds(self, u: np.ndarray) -> tuple[float, float]:
        r"""Return a lower and an upper bound of the conductance that hold for any field.

        Dirichlet: the energy of *any* field is at least the conductance. Thomson:
        the dissipation of *any* flux that is conserved at every node, divided by the
        squared current, is at least the resistance. The flux of the field is not
        exactly conserved. The flux left over at the nodes, :math:`\rho` in total, can
        be led to the outlet along a tree, and no edge of the tree then carries more
        than :math:`\rho`. By the triangle inequality in the norm of dissipation,

        .. math:: R \le \left(\sqrt{\sum q^2/g} + \rho \sqrt{\sum 1/g}\right)^2 / I^2.
        """
        flux = self.g * (u[self.i] - u[self.j])
        flux_in, flux_out = self.inlet * (1 - u), self.outlet * u
        dissipation = np.sum(flux**2 / self.g)
        ends = [(flux_in, self.inlet), (flux_out, self.outlet)]
        dissipation += sum(np.sum(q[g > 0] ** 2 / g[g > 0]) for q, g in ends)
        left_over = flux_in - flux_out - np.bincount(self.i, flux, self.n) + np.bincount(self.j, flux, self.n)
        rho = np.abs(left_over).sum()
        rho += 8 * np.finfo(float).eps * (np.abs(flux).sum() + np.abs(flux_in).sum() + np.abs(flux_out).sum())
        resistances = np.sum(1 / self.g) + np.sum(1 / self.outlet[self.outlet > 0])
        current = flux_in.sum()
        lower = (current / (np.sqrt(dissipation) + rho * np.sqrt(resistances))) ** 2 if current > 0 else 0.0
        return float(lower * (1 - _ROUNDING)), float(dissipation * (1 + _ROUNDING))


def assemble(problem: Problem) -> tuple[Network, np.ndarray]:
    """Assemble the network of a problem.

    Returns
    -------
    network : Network
        Network of the voxels that are connected to both end faces. It has no nodes if
        there are no such voxels.
    node : ndarray of int64, 3D
        Node of each voxel, -1 for voxels that are not nodes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    labels = problem.labels
    number = np.arange(labels.size).reshape(labels.shape)
    conducts = problem.conductivity[labels] > 0
    edges = [_faces(problem, number, conducts, axis) for axis in range(3)]
    i, j, g = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    links = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(labels.size, labels.size))
    _, cluster = connected_components(links, directed=False)
    at_inlet = np.unique(cluster[number[0][conducts[0]]])
    at_outlet = np.unique(cluster[number[-1][conducts[-1]]])
    kept = np.isin(cluster, np.intersect1d(at_inlet, at_outlet))
    node = np.where(kept, np.cumsum(kept) - 1, -1)
    on = kept[i]
    inlet, outlet = np.zeros(labels.shape), np.zeros(labels.shape)
    inlet[0], outlet[-1] = problem.end_conductance(labels[0]), problem.end_conductance(labels[-1])
    network = Network(node[i[on]], node[j[on]], g[on], inlet.ravel()[kept], outlet.ravel()[kept])
    return network, node.reshape(labels.shape)


def _faces(
    problem: Problem, number: np.ndarray, conducts: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if problem.periodic[axis]:
        lower, upper = slice(None), np.roll(np.arange(number.shape[axis]), -1)
    else:
        lower, upper = slice(0, -1), np.arange(1, number.shape[axis])
    here = (slice(None),) * axis + (lower,)
    there = (slice(None),) * axis + (upper,)
    both = conducts[here] & conducts[there]
    first, second = problem.labels[here][both], problem.labels[there][both]
    return number[here][both], number[there][both], problem.conductance(first, second, axis)
