"""Generators of the porespy package, each with the parameters that its function has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData


def _spec(name: str, title: str, summary: str, **offers: Any) -> GeneratorSpec:
    words = re.findall(r"[A-Z][a-z]+", name)
    return GeneratorSpec(
        id=f"porespy:{'-'.join(words).lower()}",
        factory=f"{__name__}:{name}",
        title=f"porespy {title}",
        summary=summary,
        inputs=("parameters",),
        requires=("porespy",),
        extra="microchar[porespy]",
        cost="see porespy; one call that cannot be cancelled once begun",
        **offers,
    )


BLOBS = _spec("Blobs", "blobs", "a smoothed noise, cut at its quantile", periodic_axes=(0, 1, 2))
CYLINDERS = _spec("Cylinders", "cylinders", "straight fibres of one radius, free to overlap", ndim=(3,))
RANDOM_SPHERES = _spec("RandomSpheres", "random spheres", "spheres that do not overlap, added one by one at random")
ELECTROSTATIC = _spec(
    "PseudoElectrostaticPacking", "electrostatic packing", "spheres packed from the most open places outwards"
)
GRAVITY = _spec("PseudoGravityPacking", "gravity packing", "spheres dropped along an axis")
VORONOI = _spec("VoronoiEdges", "Voronoi edges", "edges of Voronoi cells: a foam's struts")

#: Function of porespy.generators behind each class, and values for parameters that have no default there.
_FUNCTIONS: dict[str, tuple[GeneratorSpec, str, dict[str, Any]]] = {
    "Blobs": (BLOBS, "blobs", {}),
    "Cylinders": (CYLINDERS, "cylinders", {"r": 4, "porosity": 0.7}),
    "RandomSpheres": (RANDOM_SPHERES, "random_spheres", {}),
    "PseudoElectrostaticPacking": (ELECTROSTATIC, "pseudo_electrostatic_packing", {}),
    "PseudoGravityPacking": (GRAVITY, "pseudo_gravity_packing", {}),
    "VoronoiEdges": (VORONOI, "voronoi_edges", {"ncells": 100, "r": 1}),
}

#: Arguments that the contract of a generator gives, or that are about how porespy works and not about the medium.
_NOT_PARAMETERS = {"shape", "im", "sites", "seed", "periodic", "parallel_kw", "value", "verbose"}


@dataclass(kw_only=True)
class PorespyGenerator(Generator):
    """A generator function of porespy: phase 1 is where its image is not zero.

    The seed that porespy sets NumPy's global random state to, and the state of
    its progress bars, are put back afterwards; do not generate from two threads
    at a time.

    References
    ----------
    Gostick, J. et al. (2019), J. Open Source Softw. 4(37), 1296.
    """

    function: ClassVar[str]

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Refuse: it is made from parameters, and `fit` says so before."""
        raise NotImplementedError

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Call porespy."""
        import porespy

        progress(0.0, f"porespy {self.function}")
        function = getattr(porespy.generators, self.function)
        arguments = {"shape": [n for n in shape if n > 1], "seed": int(rng.integers(2**31)), **self.parameters()}
        if "periodic" in inspect.signature(function).parameters:
            arguments["periodic"] = bool(periodic)
        with _left_alone(porespy.settings):
            try:
                image = function(**arguments)
            except Exception as error:  # porespy raises Exception itself
                raise InputError(f"porespy.generators.{self.function}: {error} (parameters {arguments})") from error
        return (np.asarray(image) != 0).astype(np.uint8).reshape(shape)


@contextmanager
def _left_alone(settings: Any) -> Iterator[None]:
    """Put NumPy's global random state and porespy's progress bars back."""
    state = np.random.get_state()  # noqa: NPY002 - porespy seeds it
    bars = dict(settings.tqdm)
    settings.tqdm["disable"] = True
    try:
        yield
    finally:
        settings.tqdm.update(bars)
        np.random.set_state(state)  # noqa: NPY002


@cache
def _class(name: str) -> type[PorespyGenerator]:
    """Make the class whose fields are the parameters of the function."""
    import porespy

    spec, function, values = _FUNCTIONS[name]
    found = inspect.signature(getattr(porespy.generators, function)).parameters.values()
    own = [p for p in found if p.name not in _NOT_PARAMETERS and p.kind is not p.VAR_KEYWORD]
    return make_dataclass(
        name,
        [(p.name, Any, field(default=values.get(p.name, p.default))) for p in own],
        bases=(PorespyGenerator,),
        namespace={"spec": spec, "function": function, "__module__": __name__, "__doc__": _doc(spec, function)},
        kw_only=True,
    )


def _doc(spec: GeneratorSpec, function: str) -> str:
    return f"{spec.title}: {spec.summary}. Its parameters are those of porespy.generators.{function}."


def __getattr__(name: str) -> type[PorespyGenerator]:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _class(name)
