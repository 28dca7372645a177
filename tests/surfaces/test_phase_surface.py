"""Surfaces of phases are closed, keep volume and topology of the voxels, and lie where these are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import euler_number

import microchar as mc
from microchar.core.errors import InputError, NotEnoughMemoryError
from surfaces.closed import assert_closed, enclosed

SIZE = ("1um", "1.5um", "4um")
VOXEL = 6.0


def ball(radius, n):
    place = np.indices((n, n, n)) - (n - 1) / 2
    return mc.as_volume(((place**2).sum(axis=0) < radius**2).astype(np.uint8), phases=["outer", "ball"])


def random_volumes():
    rng = np.random.default_rng(0)
    for number in range(24):
        shape, phases = rng.integers(1, 12, 3), rng.integers(2, 5)
        labels = rng.integers(0, phases, shape)
        labels.flat[:phases] = np.arange(labels.size)[:phases]  # each phase has a voxel
        yield f"random {number}", labels
    yield "checkerboard", np.indices((6, 7, 8)).sum(axis=0) % 2
    yield "three-coloured", np.indices((7, 7, 7)).sum(axis=0) % 3
    yield "one voxel", np.pad(np.ones((1, 1, 1), int), 2)
    yield "voxels that touch in an edge", np.pad(np.eye(2, dtype=int)[None], 2)
    yield "voxels that touch in a corner", np.pad(np.stack([np.diag([1, 0]), np.diag([0, 1])]), 2)


VOLUMES = dict(random_volumes())


@pytest.mark.property
@pytest.mark.parametrize("smooth", [0, 10])
@pytest.mark.parametrize("name", VOLUMES)
def test_every_phase_of_any_volume_has_a_closed_surface_that_keeps_its_volume(name, smooth):
    labels = VOLUMES[name]
    volume = mc.as_volume(labels.astype(np.uint8), voxel_size=SIZE)
    for phase in volume.phases:
        surface = mc.phase_surface(volume, phase, smooth=smooth)
        assert_closed(surface.points, surface.triangles)
        true = VOXEL * np.count_nonzero(labels == int(phase))
        assert enclosed(surface.points, surface.triangles) == pytest.approx(true, rel=0.01)
        assert surface.enclosed_volume == pytest.approx(true, rel=0.01)


@pytest.mark.property
@pytest.mark.parametrize("pad", [0, 1])
def test_all_ways_in_which_eight_voxels_meet(pad):
    for number in range(1, 256):
        corner = np.pad(np.array([number >> bit & 1 for bit in range(8)]).reshape(2, 2, 2), pad)
        volume = mc.as_volume(corner.astype(np.uint8), phases={"other": 0, "phase": 1})
        for smooth in (0, 3):
            surface = mc.phase_surface(volume, "phase", smooth=smooth)
            assert_closed(surface.points, surface.triangles)
            assert surface.enclosed_volume == pytest.approx(corner.sum(), rel=0.01)


@pytest.mark.oracle
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.9])
def test_the_topology_is_that_of_voxels_connected_across_faces(share):
    inside = np.random.default_rng(1).random((12, 13, 14)) < share
    surface = mc.phase_surface(mc.as_volume(inside.astype(np.uint8), phases=["other", "phase"]), "phase")
    parts = ndimage.label(inside)[1]
    # The rest is connected across faces and edges.
    outside = ndimage.label(~np.pad(inside, 1), ndimage.generate_binary_structure(3, 2))[1]
    assert surface.pieces == parts + outside - 1
    # An edge belongs to two triangles; a body has half the Euler number of its surface.
    characteristic = len(surface.points) - len(surface.triangles) // 2
    # In that number the rest is connected across corners too: a tunnel where only two voxels that meet in a corner are
    # not of the phase.
    eights = np.lib.stride_tricks.sliding_window_view(inside, (2, 2, 2)).reshape(-1, 8)
    tunnels = sum((eights == pair).all(axis=1).sum() for pair in _all_but_opposite_corners())
    assert characteristic == 2 * (euler_number(np.pad(inside, 1), connectivity=1) + tunnels)


def _all_but_opposite_corners():
    for corner in range(4):
        pair = np.ones(8, bool)
        pair[[corner, 7 - corner]] = False
        yield pair


@pytest.mark.analytic
@pytest.mark.parametrize("radius", [3, 6, 12])
def test_a_ball_becomes_round(radius):
    volume = ball(radius, 2 * radius + 6)
    rough, smooth = (mc.phase_surface(volume, "ball", smooth=passes) for passes in (0, 20))
    distances = [np.linalg.norm(one.points - one.points.mean(axis=0), axis=1) - radius for one in (rough, smooth)]
    assert distances[1].std() < distances[0].std() / 3
    assert abs(distances[1]).max() < 0.75
    assert smooth.enclosed_volume == pytest.approx(np.count_nonzero(volume.values), rel=1e-5)


@pytest.mark.analytic
def test_the_sides_of_the_volume_stay_flat_and_where_they_are():
    labels = np.kron(np.random.default_rng(2).integers(0, 2, (6, 7, 8)), np.ones((3, 3, 3), int))
    volume = mc.as_volume(labels.astype(np.uint8), voxel_size=SIZE)
    rough, smooth, few = (mc.phase_surface(volume, "1", **how) for how in ({"smooth": 0}, {}, {"faces": 4000}))
    extent = np.array([4 * 24, 1.5 * 21, 18], np.float32)
    assert rough.extent == tuple(extent)
    for axis, face in ((0, labels[:, :, 0]), (1, labels[:, 0]), (2, labels[0])):
        on_side = (rough.points[rough.triangles][:, :, axis] == 0).all(axis=1)
        a, b, c = rough.points[rough.triangles[on_side]].transpose(1, 0, 2)
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
        assert area == pytest.approx(face.sum() * np.delete([4, 1.5, 1], axis).prod(), rel=1e-3)
    for side in (0, extent):
        assert np.array_equal(smooth.points == side, rough.points == side)
        assert ((few.points == side).sum(axis=0) > 20).all()
    for surface in (smooth, few):
        assert (surface.points >= 0).all()
        assert (surface.points <= extent).all()


@pytest.mark.analytic
def test_a_full_box_keeps_its_edges_and_corners():
    surface = mc.phase_surface(mc.as_volume(np.ones((3, 4, 5), np.uint8), voxel_size=SIZE), smooth=10, faces=12)
    assert_closed(surface.points, surface.triangles)
    corners = {(x, y, z) for x in (0, 20) for y in (0, 6) for z in (0, 3)}
    assert set(map(tuple, surface.points.tolist())) == corners
    assert surface.enclosed_volume == 3 * 4 * 5 * VOXEL


@pytest.mark.property
@pytest.mark.parametrize("faces", [2000, 600])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_decimation_keeps_a_surface_closed_and_its_volume(faces, axis):
    labels = ball(9, 24).values | np.roll(ball(5, 24).values, 10, axis)
    surface = mc.phase_surface(mc.as_volume(labels), "1", faces=faces)
    assert 0.9 * faces < len(surface.triangles) <= faces
    assert_closed(surface.points, surface.triangles)
    assert surface.enclosed_volume == pytest.approx(labels.sum(), rel=1e-4)


@pytest.mark.property
def test_decimation_of_a_jagged_surface_keeps_it_closed():
    volume = mc.as_volume((np.random.default_rng(3).random((16, 16, 16)) < 0.6).astype(np.uint8))
    whole = mc.phase_surface(volume, "1")
    surface = mc.phase_surface(volume, "1", faces=len(whole.triangles) // 2)
    assert_closed(surface.points, surface.triangles)
    assert surface.pieces == whole.pieces
    assert surface.enclosed_volume == pytest.approx(volume.values.sum(), rel=0.01)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "grey"), [("berea", 0), ("ketton", 255), ("nmc_cathode", 1), ("nmc_cathode", 2)])
@pytest.mark.parametrize("faces", [None, 30_000])
def test_real_phases(real, name, grey, faces):
    volume = mc.read_volume(real(name), crop="20:70,20:70,20:70")
    surface = mc.phase_surface(volume, str(grey), faces=faces)
    assert_closed(surface.points, surface.triangles)
    assert surface.enclosed_volume == pytest.approx(np.count_nonzero(volume.values == grey), rel=1e-3)


@pytest.mark.property
def test_masked_voxels_belong_to_no_phase():
    labels = np.zeros((4, 4, 4), np.uint8)
    mask = np.zeros((4, 4, 4), bool)
    mask[1:3] = True
    surface = mc.phase_surface(mc.as_volume(labels, mask=mask), "0", smooth=0)
    assert surface.enclosed_volume == 32
    assert surface.points[:, 2].tolist().count(1) > 0
    assert set(surface.points[:, 2].tolist()) == {1, 2, 3}


@pytest.mark.property
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phase": "bal"}, r"phase: found 'bal', did you mean 'ball'\? expected one of 'outer', 'ball'"),
        ({}, "phase: none is given, expected one of 'outer', 'ball'"),
        ({"phase": "ball", "smooth": -1}, "smooth=-1: expected a number of passes"),
        ({"phase": "ball", "faces": 3}, "faces=3: expected a number of triangles, 4 or more"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        mc.phase_surface(ball(3, 8), **arguments)


@pytest.mark.property
def test_a_phase_without_voxels_is_refused():
    volume = mc.as_volume(np.zeros((3, 3, 3), np.uint8), phases={"pore": 0, "grain": 1}, name="rock")
    with pytest.raises(InputError, match="rock: phase 'grain' has no voxels"):
        mc.phase_surface(volume, "grain")


@pytest.mark.property
def test_too_few_triangles_are_refused():
    separate = np.zeros((12, 12, 12), np.uint8)
    separate[1::3, 1::3, 1::3] = 1
    with pytest.raises(InputError, match="faces=100: the surface has 64 closed pieces and needs 256 triangles"):
        mc.phase_surface(separate, "1", faces=100)
    with pytest.raises(InputError, match=r"would enclose \d+% of the volume .* with smooth=0 and faces=4"):
        mc.phase_surface(np.array([[[1, 0, 0]]], np.uint8), "1", smooth=0, faces=4)


@pytest.mark.property
def test_a_surface_that_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr("microchar.core.memory.available_memory", lambda: 1e5)
    with pytest.raises(NotEnoughMemoryError, match=r"volume: a surface of \S+ faces of voxels needs about .* crop"):
        mc.phase_surface(ball(6, 16), "ball")
    assert mc.phase_surface(np.ones((2, 2, 2), np.uint8)).pieces == 1


@pytest.mark.property
def test_the_progress_can_end_the_work():
    seen = []

    def progress(fraction, text):
        seen.append(fraction)
        if text.startswith("decimation"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mc.phase_surface(ball(6, 16), "ball", faces=100, progress=progress)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
