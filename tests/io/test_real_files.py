"""The real volumes are read voxel for voxel, with the volume fractions of their description."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import microchar as mc

#: Shape, md5 of the voxels in C order, and the fraction of each grey value.
FILES = {
    "berea": ((400, 400, 400), "0bc00d78e9f81efd2b83912d9608014d", {0: 0.196453, 255: 0.803547}),
    "ketton": ((256, 256, 256), "2a8ce9893df3f567e93167c9d51374e2", {0: 0.126862, 255: 0.873138}),
    "nmc_cathode": ((251, 301, 301), "717cac50428ba83db886f7510454f2a3", {0: 0.400549, 1: 0.499451, 2: 0.1}),
    "cast_iron": ((100, 100, 100), "9ffc2d97e9c7af6c45256c49677a127c", {87: 0.113944, 182: 0.886056}),
    "separator": ((156, 75, 75), "5bcb633c42d301a7c3a4292cfb0ecdc7", {0: 0.620807, 1: 0.379193}),
}


@pytest.mark.parametrize("name", FILES)
def test_real_volumes_are_read_voxel_for_voxel(real, name):
    shape, md5, fractions = FILES[name]
    volume = mc.read_volume(real(name))
    assert volume.shape == shape
    assert hashlib.md5(np.ascontiguousarray(volume.values)).hexdigest() == md5
    assert volume.grey_values == tuple(fractions)
    assert (volume.name, volume.unit) == (name, "voxel")
    assert volume.notes == ("no voxel size in the file: lengths are in voxels",)
    counts = np.bincount(volume.read().ravel(), minlength=len(fractions))
    # The fractions are given to six decimals.
    assert counts / volume.values.size == pytest.approx(list(fractions.values()), abs=5.1e-7)


def test_a_crop_of_a_real_volume(real):
    volume = mc.read_volume(real("berea"), crop="0:100,0:100,0:100", phases={"pore": 0, "grain": 255}, voxel_size="3um")
    assert (volume.read() == 0).mean() == pytest.approx(0.203317, abs=5.1e-7)
    assert (volume.phases, volume.unit) == (("pore", "grain"), "um")
