"""What the viewer is given: packed labels, larger voxels, windows that differ, still pictures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from media import media
from microchar.core.grid import Grid
from microchar.core.pictures import decode
from microchar.report.palette import phase_colours
from microchar.report.viewer import content, packing
from microchar.report.viewer.content import viewer_of
from microchar.report.viewer.maps import _local_values, difference_layers, window_of
from microchar.report.viewer.packing import pack
from oracles.viewing import blocks, most_frequent, unlike_neighbours, unpacked


def labels_of(volume):
    """Return the labels as they are packed: those of voxels outside the mask follow those of the phases."""
    labels = volume.read().astype(int)
    labels[labels == 255] = volume.n_phases
    return labels


@pytest.mark.oracle
@given(media(), st.integers(1, 4), st.sampled_from([1, 50, 1 << 24]))
@settings(deadline=None, max_examples=60)
def test_packed_labels_are_those_of_the_volume_or_of_most_of_each_block(medium, factor, at_once):
    volume = medium[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_AT_ONCE", at_once)
        packed = pack(volume, factor)
    np.testing.assert_array_equal(unpacked(packed), most_frequent(labels_of(volume), factor))


@pytest.mark.oracle
@pytest.mark.parametrize("length", [1, 254, 255, 256, 510, 511, 1021])
def test_runs_of_any_length(length):
    labels = np.repeat([0, 1, 0], [3, length, 2])[None, None]
    np.testing.assert_array_equal(unpacked(pack(mc.as_volume(labels))), labels)


@pytest.mark.analytic
def test_voxels_grow_until_the_budget_is_kept(monkeypatch):
    noise = mc.as_volume(np.random.default_rng(0).random((40, 40, 40)) < 0.5)
    sizes = [pack(noise, factor).size for factor in (1, 2, 3)]
    for budget, factor in ((sizes[0], 1), (sizes[0] - 1, 2), (sizes[1] - 1, 3)):
        monkeypatch.setattr(content, "_LIGHT_BUDGET", budget)
        viewer = viewer_of([noise], light=True)
        assert viewer["factor"] == factor
        assert viewer["data"]["packed"][0]["shape"] == [-(-40 // factor)] * 3
    # Several volumes share it, and have equal voxels.
    monkeypatch.setattr(content, "_LIGHT_BUDGET", sizes[0])
    shared = viewer_of([noise, replace(noise, name="other")], light=True)["data"]
    assert [one["shape"] for one in shared["packed"]] == [[20, 20, 20]] * 2
    assert shared["voxels"] == [[40, 40, 40]] * 2


@pytest.mark.analytic
def test_voxels_grow_until_the_browser_can_hold_them(monkeypatch):
    empty = mc.as_volume(np.arange(40**3).reshape(40, 40, 40) == 0)
    monkeypatch.setattr(content, "_MOST_VOXELS", 20**3)
    assert viewer_of([empty])["factor"] == 2


@pytest.mark.property
def test_colours_grow_lighter_and_differ():
    def luminance(colour):
        levels = np.array([*bytes.fromhex(colour[1:])]) / 255
        return np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92) @ [0.2126, 0.7152, 0.0722]

    for n_phases in range(1, 17):
        light = [luminance(colour) for colour in phase_colours(n_phases)]
        assert len(light) == n_phases
        assert all(b > a for a, b in pairwise(light))
    # Graphics of three phases need a contrast of 3 to their neighbours; more phases are read with the pointer.
    for n_phases, least in ((2, 3), (3, 2)):
        light = [luminance(colour) + 0.05 for colour in phase_colours(n_phases)]
        assert all(b / a > least for a, b in pairwise(light))


# --- differences in place ----------------------------------------------------


@pytest.mark.oracle
@given(media())
@settings(deadline=None, max_examples=40)
def test_local_values_are_those_of_the_windows(medium):
    volume = medium[0]
    window = tuple(min(n, 3) for n in volume.shape)
    fractions, unlike = _local_values(volume, window)
    labels = volume.read()
    of_pairs = unlike_neighbours(labels, window)
    for place, box in blocks(volume.shape, window):
        counted = labels[box][labels[box] != 255]
        if counted.size < np.prod(window) / 2:
            assert np.isnan(unlike[place])
            assert np.isnan(fractions[(slice(None), *place)]).all()
            continue
        shares = np.bincount(counted, minlength=volume.n_phases) / counted.size
        np.testing.assert_allclose(fractions[(slice(None), *place)], shares)
        assert unlike[place] == pytest.approx(of_pairs[place])


@pytest.mark.analytic
def test_a_lump_is_found_where_it_was_put():
    rng = np.random.default_rng(0)
    real, fake = rng.random((2, 48, 48, 48)) < 0.3
    fake[24:, 24:, 24:] = rng.random((24, 24, 24)) < 0.6
    fake[:12, :12, :12] = False
    amount, interface = difference_layers([mc.as_volume(real, name="real"), mc.as_volume(fake)])
    assert (amount.title, interface.title) == ("local fraction of 1", "local interface")
    assert amount.window == (6, 6, 6)
    lump = np.zeros((8, 8, 8), bool)
    lump[4:, 4:, 4:] = True
    assert (amount.maps[1][lump] == 1).all()
    assert (amount.maps[1][:2, :2, :2] == -1).all()
    assert (interface.maps[1][:2, :2, :2] == -1).all()
    lump[:2, :2, :2] = True
    assert np.mean(amount.maps[1][~lump] != 0) < 0.03
    assert amount.shares[1] == pytest.approx((64 + 8) / 512, abs=0.02)
    assert 0 < amount.shares[0] <= 0.012  # of the real volume itself, 1 % lies outside


@pytest.mark.property
def test_the_order_of_phases_and_axes_changes_nothing():
    labels = np.random.default_rng(1).integers(0, 3, (2, 12, 18, 24))
    layers = difference_layers([mc.as_volume(one) for one in labels])
    assert [layer.title for layer in layers] == [*(f"local fraction of {phase}" for phase in "012"), "local interface"]
    turned = difference_layers([mc.as_volume(np.moveaxis(2 - one, 0, 2)) for one in labels])
    for layer, other in zip([*layers[2::-1], layers[3]], turned, strict=True):
        assert layer.shares == other.shares
        np.testing.assert_array_equal(np.moveaxis(layer.maps[1], 0, 2), other.maps[1])


@pytest.mark.analytic
@pytest.mark.parametrize(
    ("shape", "size", "window"),
    [
        ((100, 100, 100), (1.0, 1.0, 1.0), (13, 13, 13)),
        ((50, 100, 100), (2.0, 1.0, 1.0), (6, 13, 13)),
        ((1, 300, 300), (1.0, 1.0, 1.0), (1, 13, 13)),
        ((4, 4, 4), (1.0, 1.0, 1.0), (2, 2, 2)),
    ],
)
def test_windows_are_as_long_along_each_axis(shape, size, window):
    assert window_of(Grid(shape, size, "um")) == window


@pytest.mark.property
def test_there_is_nothing_to_compare_in_one_phase_or_without_windows():
    solid = mc.as_volume(np.zeros((8, 8, 8), int))
    assert difference_layers([solid, solid]) == []
    mask = np.zeros((8, 8, 8), bool)
    mask[::4, ::4, ::4] = True
    sparse = mc.as_volume(np.random.default_rng(0).integers(0, 2, (8, 8, 8)), mask=mask)
    assert difference_layers([sparse, sparse]) == []


# --- still pictures and texts ------------------------------------------------


@pytest.mark.analytic
def test_a_still_picture_shows_the_ball_and_nothing_behind_it():
    i, j, k = np.indices((40, 40, 40)) - 19.5
    ball = np.where(i**2 + j**2 + k**2 < 15**2, 1, 0)
    ball[(i**2 + j**2 + k**2) < 5**2] = 2  # hidden inside
    viewer = viewer_of([mc.as_volume(ball)])
    assert viewer["hidden"] == 0
    picture = decode(viewer["stills"][0])
    seen = picture[..., 3] > 0
    pixels = 180 / (1.55 * 40)
    assert seen.sum() == pytest.approx(np.pi * (15 * pixels) ** 2, rel=0.05)
    colour = np.array([*bytes.fromhex(phase_colours(3)[1][1:])])
    shades = picture[seen][:, :3] / colour
    np.testing.assert_allclose(shades - shades.mean(axis=1, keepdims=True), 0, atol=0.05)  # one phase in all lights
    assert picture[90, 90, :3].sum() > picture[seen][:, :3].sum(axis=1).mean()  # lit from the eye


@pytest.mark.property
def test_the_only_phase_is_not_hidden():
    viewer = viewer_of([mc.as_volume(np.zeros((8, 8, 8), int))])
    assert viewer["hidden"] is None
    assert (decode(viewer["stills"][0])[..., 3] > 0).any()


@pytest.mark.property
def test_few_volumes_are_shown_and_the_others_counted():
    volumes = [mc.as_volume(np.random.default_rng(n).integers(0, 2, (8, 8, 8)), name=f"v{n}") for n in range(6)]
    viewer = viewer_of(volumes)
    assert (viewer["names"], viewer["left_out"]) == (["v0", "v2", "v3", "v5"], 2)
    image = mc.as_volume(np.random.default_rng(0).integers(0, 2, (8, 8)), name="image")
    assert viewer_of([volumes[0], image])["names"] == ["v0"]
    assert viewer_of([image])["axes"] == [0]
    assert viewer_of([mc.as_volume([[0, 1, 1]])]) is None
