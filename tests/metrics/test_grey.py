"""What the metrics of grey levels share: no periodic axes, counts that do not depend on the slabs."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.measurement.blocks import Block, slabs
from microchar.measurement.metric import Shared
from microchar.metrics import AnisotropyIndex, Glcm, Psnr, Ssim


@pytest.mark.analytic
@pytest.mark.parametrize("metric", [Glcm, AnisotropyIndex, Ssim, Psnr])
def test_periodic_axes_are_refused(metric):
    with pytest.raises(mc.InputError, match="periodic"):
        metric(periodic=(0,))


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
