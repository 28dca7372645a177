"""Files of surfaces, read by other libraries: every format holds the surface, its scale, and what it is called."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from surfaces.closed import assert_closed, enclosed

pytestmark = pytest.mark.oracle

PHASES = {"pore": 0, "binder & <wet>": 1, "grain": 2}


@pytest.fixture(scope="module")
def surfaces():
    labels = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.uint8)
    labels = np.kron(labels, np.ones((2, 2, 2), np.uint8))
    volume = mc.as_volume(labels, phases=PHASES, voxel_size=("2um", "3um", "4um"))
    return [mc.phase_surface(volume, phase) for phase in PHASES]


def joined(corners):
    """Return points and triangles of a file that repeats the corners of each triangle."""
    points, number = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return points, number.reshape(-1, 3)


def by_lib3mf(path):
    import lib3mf

    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    assert reader.GetWarningCount() == 0
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    return model


def objects_of(model):
    found, each = {}, model.GetMeshObjects()
    while each.MoveNext():
        one = each.GetCurrentMeshObject()
        assert one.IsManifoldAndOriented()
        points = np.array([list(vertex.Coordinates) for vertex in one.GetVertices()], np.float32)
        found[one.GetName()] = points, np.array([list(triangle.Indices) for triangle in one.GetTriangleIndices()])
    return found


def test_stl_by_numpy_stl_and_trimesh(surfaces, tmp_path):
    import trimesh
    from stl import mesh

    paths = mc.write_surfaces(surfaces, tmp_path / "rock.stl")
    assert [path.name for path in paths] == ["rock-pore.stl", "rock-binder____wet_.stl", "rock-grain.stl"]
    for path, surface in zip(paths, surfaces, strict=True):
        read = mesh.Mesh.from_file(str(path))
        points, triangles = joined(read.vectors)
        assert_closed(points, triangles)
        assert enclosed(points, triangles) == pytest.approx(surface.enclosed_volume * 1e-9, rel=1e-5)  # um in mm
        made = np.cross(read.v1 - read.v0, read.v2 - read.v0)
        assert (np.einsum("ij,ij->i", made, read.normals) > 0).all()
        other = trimesh.load(path)
        assert other.is_watertight
        assert other.is_winding_consistent
        assert other.volume == pytest.approx(surface.enclosed_volume * 1e-9, rel=1e-5)


def test_ply_by_meshio_and_trimesh(surfaces, tmp_path):
    import meshio
    import trimesh

    [path] = mc.write_surfaces(surfaces[0], tmp_path / "a.ply")
    read = meshio.read(path)
    assert np.array_equal(read.points, surfaces[0].points)
    assert np.array_equal(read.cells_dict["triangle"], surfaces[0].triangles)
    assert trimesh.load(path).is_watertight


def test_obj_by_meshio(surfaces, tmp_path):
    import meshio

    [path] = mc.write_surfaces(surfaces, tmp_path / "a.obj")
    read = meshio.read(path)
    assert np.array_equal(read.points.astype(np.float32), np.concatenate([one.points for one in surfaces]))
    starts = np.cumsum([0, *(len(one.points) for one in surfaces[:-1])])
    expected = [one.triangles + start for one, start in zip(surfaces, starts, strict=True)]
    assert np.array_equal(np.concatenate([cells.data for cells in read.cells]), np.concatenate(expected))
    names = [line[2:] for line in path.read_text().splitlines() if line.startswith("o ")]
    assert names == ["pore", "binder_&_<wet>", "grain"]


def test_3mf_by_lib3mf(surfaces, tmp_path):
    [path] = mc.write_surfaces(surfaces, tmp_path / "a.3mf")
    model = by_lib3mf(path)
    objects = objects_of(model)
    assert list(objects) == list(PHASES)
    for surface in surfaces:
        points, triangles = objects[surface.phase]
        assert np.array_equal(triangles, surface.triangles)
        assert points == pytest.approx(surface.points.astype(float) * 1e-3, rel=1e-6)
        assert_closed(points, triangles)
    groups = model.GetBaseMaterialGroups()
    assert groups.MoveNext()
    group = groups.GetCurrentBaseMaterialGroup()
    assert [group.GetName(number) for number in group.GetAllPropertyIDs()] == list(PHASES)
    colours = [group.GetDisplayColor(number) for number in group.GetAllPropertyIDs()]
    assert len({(one.Red, one.Green, one.Blue) for one in colours}) == 3


@pytest.mark.parametrize("suffix", ["3mf", "stl", "ply", "obj"])
def test_equal_surfaces_make_equal_files(surfaces, tmp_path, suffix):
    [one] = mc.write_surfaces(surfaces[:1], tmp_path / f"a.{suffix}")
    [other] = mc.write_surfaces(surfaces[:1], tmp_path / "more" / f"b.{suffix}")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("size", ["100mm", "10cm", "0.1 m"])
def test_the_print_size_is_that_of_the_longest_edge_of_the_volume(surfaces, tmp_path, size):
    # 8 × 10 × 12 voxels of 2 × 3 × 4 um: the edges along x, y, z are 48, 30 and 16 um.
    mc.write_surfaces(surfaces, tmp_path / "a.3mf", print_size=size)
    for name, (points, triangles) in objects_of(by_lib3mf(tmp_path / "a.3mf")).items():
        (surface,) = (one for one in surfaces if one.phase == name)
        assert points.max(axis=0) == pytest.approx(surface.points.max(axis=0) * 100 / 48, rel=1e-6)
        assert_closed(points, triangles)
    assert np.concatenate([one.points for one in surfaces]).max(axis=0).tolist() == [48, 30, 16]


def test_without_a_voxel_size_a_voxel_is_a_millimetre(tmp_path):
    mc.write_surfaces(mc.phase_surface(np.ones((3, 4, 5), np.uint8)), tmp_path / "a.3mf")
    ((points, _),) = objects_of(by_lib3mf(tmp_path / "a.3mf")).values()
    assert points.max(axis=0).tolist() == [5, 4, 3]


def test_an_archive_of_3mf_has_the_parts_that_the_specification_asks_for(surfaces, tmp_path):
    mc.write_surfaces(surfaces, tmp_path / "a.3mf")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.3mf").read_bytes())) as archive:
        assert archive.namelist() == ["[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model"]
        assert archive.testzip() is None


@pytest.mark.parametrize("suffix", ["3mf", "stl", "ply", "obj"])
def test_files_of_microchar_are_told_from_others(surfaces, tmp_path, suffix):
    from microchar.surfaces.writing import known_format

    [path] = mc.write_surfaces(surfaces[0], tmp_path / f"a.{suffix}")
    format_ = known_format(path)
    assert format_.wrote(path)
    path.write_bytes(b"solid by somebody else, made with microchar\n")
    assert not format_.wrote(path)


def test_what_is_refused(surfaces, tmp_path):
    with pytest.raises(InputError, match=r"a\.step: surfaces are written as \.3mf, \.obj, \.ply, \.stl"):
        mc.write_surfaces(surfaces, tmp_path / "a.step")
    with pytest.raises(InputError, match="no surface to write"):
        mc.write_surfaces([], tmp_path / "a.stl")
    for size in ("100", "0mm", "-3cm"):
        with pytest.raises(InputError, match=r"print_size=.*expected a length with a unit"):
            mc.write_surfaces(surfaces, tmp_path / "a.3mf", print_size=size)
    volume = mc.as_volume(np.arange(3, dtype=np.uint8)[:, None, None], phases=["a b", "a/b", "c"])
    same = [mc.phase_surface(volume, phase) for phase in volume.phases]
    with pytest.raises(InputError, match="two phases would have the same file"):
        mc.write_surfaces(same, tmp_path / "a.stl")
    assert list(tmp_path.iterdir()) == []


def test_all_files_are_written_or_none(surfaces, tmp_path, monkeypatch):
    from microchar.surfaces.formats import stl

    write = stl.write

    def failing(path, surfaces):
        if surfaces[0].phase == "grain":
            raise InputError("disk full")
        write(path, surfaces)

    (tmp_path / "a-pore.stl").write_text("mine")
    monkeypatch.setattr(stl, "write", failing)
    with pytest.raises(InputError, match="disk full"):
        mc.write_surfaces(surfaces, tmp_path / "a.stl")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
