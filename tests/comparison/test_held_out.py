"""How held-out blocks are cut, and what cannot be held out."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import numpy as np
import pytest

from blobs import CUBE, FEW, blobs
from microchar.comparison.held_out import HeldOut
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.training import TrainingData

pytestmark = pytest.mark.property


def test_one_block_that_fits_is_halved_and_said():
    held_out = HeldOut(blobs((30, 24, 24), 0), CUBE, FEW)
    assert held_out.shape == (12, 12, 12)
    assert held_out.n_blocks == 8
    assert "12 × 12 × 12 instead of 24 × 24 × 24" in held_out.notes[0]
    assert held_out.score(blobs(CUBE, 1)).n_samples == 8
    two = HeldOut(blobs((48, 24, 24), 0), CUBE, FEW)
    assert two.shape == CUBE
    assert "only 2 reference blocks" in two.notes[0]
    assert two.score([blobs(CUBE, seed) for seed in range(4)]).spread is None


def test_blocks_lie_inside_the_mask():
    mask = np.zeros((40, 40, 40), bool)
    mask[3:, 5:38] = True
    real = as_volume(blobs((40, 40, 40), 0), mask=mask)
    held_out = HeldOut(real, (16, 16, 16), FEW)
    assert held_out.blocks()[0] == "3:19,5:21,0:16"
    assert held_out.n_blocks == 8
    same = HeldOut(blobs((40, 40, 40), 0).crop((3, 5, 0), (40, 38, 40)), (16, 16, 16), FEW)
    assert held_out.score(blobs(CUBE, 1)) == same.score(blobs(CUBE, 1))


def test_images_judge_the_slices_of_samples():
    squeezed = blobs((48, 48, 192), 0).values[:, :, ::4]
    images = {axis: [np.take(squeezed, place, axis) for place in (2, 16, 30, 44)] for axis in range(3)}
    held_out = HeldOut(TrainingData.from_slices(images), CUBE, ("lineal_path",), most=16)
    assert held_out.n_blocks == 4 * 4
    assert "image 0 normal to 0" in held_out.blocks()[0]
    assert held_out.shape == CUBE
    other = blobs((48, 48, 192), 1).values[:, :, ::4]
    good, turned = held_out.score(other), held_out.score(np.ascontiguousarray(other.T))
    assert good.ratios["lineal_path"] < 1.5
    assert turned.ratios["lineal_path"] > 1.7


def test_images_of_one_direction_stand_for_all():
    held_out = HeldOut(blobs((1, 64, 64), 0), (24, 24, 24), FEW)
    assert held_out.shape == (1, 24, 24)
    solid = held_out.score([blobs(CUBE, seed) for seed in range(3)])
    assert solid.n_samples == 3 * 3 * 3  # samples, directions, slices of each
    image = held_out.score(blobs((1, 24, 24), 1))
    assert image.n_samples == 1
    with pytest.raises(InputError, match="descriptors"):
        HeldOut(
            TrainingData.from_descriptors({"lineal_path": {0: [[0.5, 0.2], [0.5, 0.2]]}}, volume_fraction=[0.5, 0.5]),
            CUBE,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ("ssim",)}, "ssim: cannot be part of a score; samples are not registered"),
        ({"metrics": ("volume_fraction", "psnr")}, "psnr: cannot be part of a score"),
        ({"metrics": ("volume_fractions",)}, "did you mean 'volume_fraction'"),
        ({"shape": (24,)}, "expected two or three lengths"),
        ({"shape": (1, 24, 24)}, "the held-out volume is 3D"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        HeldOut(blobs((24, 24, 24), 0), **{"shape": (12, 12, 12), **arguments})


@pytest.mark.parametrize("normals", [1, 3])
def test_progress_rises_to_one_and_its_error_ends_the_work(normals):
    made = blobs((48, 48, 48), 0).values
    reference = blobs((48, 48, 24), 0)
    if normals == 3:
        reference = TrainingData.from_slices(
            {axis: [np.take(made, place, axis) for place in (2, 30)] for axis in range(3)}
        )
    seen = []
    HeldOut(reference, (16, 16, 16), FEW, progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
    assert len(set(seen)) > 4 * normals

    def stop(fraction, text):
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        HeldOut(reference, (16, 16, 16), FEW, progress=stop)


def test_an_error_leaves_nothing_waiting_in_the_executor_of_the_caller():
    class Keeping(Executor):
        """Keeps what it is given, and never begins."""

        def __init__(self):
            self.futures = []

        def submit(self, function, /, *args, **kwargs):
            self.futures.append(Future())
            return self.futures[-1]

    def stop(fraction, text):
        raise KeyboardInterrupt

    executor = Keeping()
    with pytest.raises(KeyboardInterrupt):
        HeldOut(blobs((48, 48, 48), 0), (12, 12, 12), FEW, executor=executor, progress=stop)
    assert len(executor.futures) == 16
    assert all(future.cancelled() for future in executor.futures)
