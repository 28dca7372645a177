"""Networks make the tiles of a Zarr store: in other processes the same, bit for bit, and what they make at once."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.core.errors import InputError
from microchar.generation.tiled import generate_tiled
from microchar.io import read_volume
from microchar.measurement.executors import opened
from microchar_gan.crop_generators import Dcgan3d
from microchar_gan.flow import SdfFlow
from microchar_gan.gan import UnetGan
from microchar_gan.slice_rnn import SliceRnn

pytest.importorskip("zarr")

SHAPE = (40, 28, 24)
MAKERS = {
    "unet-gan": lambda: UnetGan(preset="tiny", steps=1),
    "dcgan-3d": lambda: Dcgan3d(preset="tiny", steps=1),
}


@pytest.fixture(scope="module")
def real():
    return (np.random.default_rng(0).random((48, 48, 48)) < 0.3).astype(np.uint8)


@pytest.fixture(scope="module")
def models(real):
    return {name: make().fit(real) for name, make in MAKERS.items()}


@pytest.mark.parametrize("name", MAKERS)
def test_processes_make_what_one_process_makes(tmp_path, models, name):
    model = models[name]
    for store, executor in (("alone", None), ("together", "processes:2")):
        with opened(executor) as pool:
            generate_tiled(model, tmp_path / f"{store}.zarr", SHAPE, seed=2, tile=16, executor=pool)
    alone, together = (read_volume(tmp_path / f"{store}.zarr").values for store in ("alone", "together"))
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(alone, model.generate(SHAPE, seed=2).values)
    assert 0 < alone.mean() < alone.max()


def test_periods_close_across_tiles(tmp_path, models):
    model = models["unet-gan"]
    generate_tiled(model, tmp_path / "a.zarr", SHAPE, seed=2, periodic=(0,), tile=16)
    np.testing.assert_array_equal(
        read_volume(tmp_path / "a.zarr").values, model.generate(SHAPE, seed=2, periodic=(0,)).values
    )


@pytest.mark.parametrize(
    ("maker", "reason"),
    [
        (lambda: SdfFlow(preset="tiny", steps=1), "each of its steps needs"),
        (lambda: SliceRnn(preset="tiny", steps=1), "each slice is drawn from those before it"),
        (lambda: UnetGan(preset="tiny", steps=1, input="slice"), "made around one slice"),
    ],
)
def test_networks_that_need_the_whole_say_why(tmp_path, real, maker, reason):
    model = maker().fit(real)
    with pytest.raises(InputError, match=reason):
        generate_tiled(model, tmp_path / "a.zarr", SHAPE)
    assert not list(tmp_path.iterdir())


def test_a_period_that_does_not_suit_is_refused_before_anything_is_written(tmp_path, models):
    model = models["unet-gan"]
    with pytest.raises(InputError, match="multiples of"):
        generate_tiled(model, tmp_path / "a.zarr", (41, 28, 24), periodic=(0,))
    assert not list(tmp_path.iterdir())
