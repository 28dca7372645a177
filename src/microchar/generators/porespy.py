"""The `porespy:…` generators: functions of the porespy package, with the parameters of these functions."""

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
        cost="see porespy; a single call that cannot be cancelled",
        **offers,
    )


BLOBS = _spec("Blobs", "blobs", "smoothed noise, cut at its quantile", periodic_axes=(0, 1, 2))
CYLINDERS = _spec("Cylinders", "cylinders", "straight fibres of one radius, free to overlap", ndim=(3,))
RANDOM_SPHERES = _spec("RandomSpheres", "random spheres", "spheres that do not overlap, inserted one by one at random")
ELECTROSTATIC = _spec(
    "PseudoElectrostaticPacking", "electrostatic packing", "spheres packed outwards from the largest open spaces"
)
GRAVITY = _spec("PseudoGravityPacking", "gravity packing", "spheres dropped along an axis")
VORONOI = _spec("VoronoiEdges", "Voronoi edges", "edges of Voronoi cells, like the struts of a foam")

#: Spec and function of porespy.generators for each class, and values of parameters without a default there.
_FUNCTIONS: dict[str, tuple[GeneratorSpec, str, dict[str, Any]]] = {
    "Blobs": (BLOBS, "blobs", {}),
    "Cylinders": (CYLINDERS, "cylinders", {"r": 4, "porosity": 0.7}),
    "RandomSpheres": (RANDOM_SPHERES, "random_spheres", {}),
    "PseudoElectrostaticPacking": (ELECTROSTATIC, "pseudo_electrostatic_packing", {}),
    "PseudoGravityPacking": (GRAVITY, "pseudo_gravity_packing", {}),
    "VoronoiEdges": (VORONOI, "voronoi_edges", {"ncells": 100, "r": 1}),
}

#: Arguments that `Generator` provides, or that control how porespy works rather than the medium.
_NOT_PARAMETERS = {"shape", "im", "sites", "seed", "periodic", "parallel_kw", "value", "verbose"}


@dataclass(kw_only=True)
class PorespyGenerator(Generator):
    """A generator function of porespy. Phase 1 are the nonzero voxels of its image.

    porespy seeds the global random state of NumPy. That state and the settings of
    porespy's progress bars are restored afterwards; do not generate from two threads
    at the same time.

    References
    ----------
    Gostick, J. et al. (2019), J. Open Source Softw. 4(37), 1296.
    """

    function: ClassVar[str]

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Not used: `fit` refuses generators that are made from parameters."""
        raise NotImplementedError

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Call the function of porespy."""
        import porespy

        progress(0.0, f"porespy {self.function}")
        function = getattr(porespy.generators, self.function)
        arguments = {"shape": [n for n in shape if n > 1], "seed": int(rng.integers(2**31)), **self.parameters()}
        if "periodic" in inspect.signature(function).parameters:
            arguments["periodic"] = bool(periodic)
        with _state_restored(porespy.settings):
            try:
                image = function(**arguments)
            except Exception as error:  # porespy raises the class Exception
                raise InputError(f"porespy.generators.{self.function}: {error} (parameters {arguments})") from error
        return (np.asarray(image) != 0).astype(np.uint8).reshape(shape)


@contextmanager
def _state_restored(settings: Any) -> Iterator[None]:
    """Restore the global random state of NumPy and the progress bars of porespy."""
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
    """Create the class whose fields are the parameters of a function of porespy."""
    import porespy

    spec, function, values = _FUNCTIONS[name]
    arguments = inspect.signature(getattr(porespy.generators, function)).parameters.values()
    parameters = [p for p in arguments if p.name not in _NOT_PARAMETERS and p.kind is not p.VAR_KEYWORD]
    return make_dataclass(
        name,
        [(p.name, Any, field(default=values.get(p.name, p.default))) for p in parameters],
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
