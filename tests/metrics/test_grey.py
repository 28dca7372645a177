"""What the metrics of grey levels share: no periodic axes, counts that do not depend on the slabs."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.measurement.blocks import Block, slabs
from microchar.measurement.metric import Shared
from microchar.metrics import AnisotropyIndex, Glcm, Psnr, Ssim
from microchar.metrics._grey import eight_bit_reader


@pytest.mark.analytic
@pytest.mark.parametrize("metric", [Glcm, AnisotropyIndex, Ssim, Psnr])
def test_periodic_axes_are_refused(metric):
    with pytest.raises(mc.InputError, match="periodic"):
        metric(periodic=(0,))


@pytest.mark.analytic
def test_sixteen_bits_become_eight_by_rounding():
    # Times 255 / 65535: 128 is 0.498, 129 is 0.502, 65406 is 254.498, 65407 is 254.502.
    levels = np.array([[0, 128, 129, 65406, 65407, 65535]], np.uint16)
    volume = mc.as_volume(np.zeros((1, 6), int), grey=levels)
    assert eight_bit_reader(volume)((0, 0, 0), (1, 1, 6)).tolist() == [[[0, 0, 1, 254, 255, 255]]]
    assert Glcm()(volume).convention["grey levels"].endswith("rounded to the nearest level")


@pytest.mark.oracle
@pytest.mark.parametrize("metric", [Glcm(), AnisotropyIndex(), Ssim(), Psnr()], ids=lambda metric: metric.id)
def test_slabs_of_any_thickness_give_the_same(metric):
    rng = np.random.default_rng(11)
    volume, other = (mc.as_volume(rng.integers(0, 3, (9, 10, 11))) for _ in range(2))

    def counted(voxels):
        read, read_other = (metric.reader(v, Shared(None, 1)) for v in (volume, other))
        total = {}
        for region in slabs(volume.shape, voxels):
            stop = tuple(np.add(region.start, region.core))
            box, second = read(region.start, stop), read_other(region.start, stop)
            for key, array in metric.count(
                Block(box, region.core, region.start, volume.shape, 3, region.axis, second)
            ).items():
                total[key] = total.get(key, 0) + array
        return total

    whole = counted(10**6)
    for voxels in (1, 300, 700):
        pieces = counted(voxels)
        assert all(np.array_equal(pieces[key], whole[key]) for key in whole)
