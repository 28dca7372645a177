"""The viewer in a browser: it shows the voxels that were packed, and what is said of them is so."""

from __future__ import annotations

import io

import numpy as np
import pytest

import microchar as mc
from microchar.report.palette import phase_colours
from microchar.report.viewer.maps import difference_layers

pytestmark = pytest.mark.oracle

SHAPE = (18, 24, 30)
PHASES = ["pore", "active", "binder"]
#: Runs once everything is unpacked and drawn.
SETTLED = """() => document.getElementById("viewer").viewer.then(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"""
#: Returns the labels of all volumes.
UNPACKED = """() => document.getElementById("viewer").viewer.then(
    ({ slices }) => slices.volumes.map((one) => Array.from(one.labels)))"""
#: Draws what was asked for before, and returns the colours at fractions of width and height of a canvas.
COLOURS = """async ([id, places]) => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const { width, height } = document.getElementById(id);
    const { data } = document.getElementById(id).getContext("2d").getImageData(0, 0, width, height);
    const at = ([x, y]) => 4 * (Math.floor(y * height) * width + Math.floor(x * width));
    return places.map((place) => Array.from(data.subarray(at(place), at(place) + 4)));
}"""


def volume(seed, name, shape=SHAPE):
    """Return a volume of three phases, in lumps, with a mask and voxels of three edges."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.repeat(rng.integers(0, 3, [-(-n // 2) for n in shape]), 2, 0), 2, 1)
    labels = np.repeat(labels, 2, 2)[tuple(slice(n) for n in shape)]
    mask = np.ones(shape, bool)
    mask[:, :4, :4] = False
    return mc.as_volume(labels, phases=PHASES, mask=mask, voxel_size="2um,1um,1um", name=name)


@pytest.fixture(scope="module")
def volumes():
    return [volume(seed, name) for seed, name in enumerate(("real", "fake", "other"))]


@pytest.fixture(scope="module")
def path(volumes, tmp_path_factory):
    return mc.write_view(volumes, tmp_path_factory.mktemp("view") / "view.html")


@pytest.fixture
def viewer(open_page, path):
    page = open_page(path)
    page.evaluate(SETTLED)
    return page


def colours_of(volume):
    """Return the colour of each label as the canvas holds it; voxels outside the mask are transparent."""
    table = np.zeros((256, 4), int)
    for label, text in enumerate(phase_colours(volume.n_phases)):
        table[label] = [*bytes.fromhex(text[1:]), 255]
    return table


def middles(shape):
    """Return the middle of every voxel of a slice, as fractions of width and height of the canvas."""
    rows, columns = (np.arange(n) + 0.5 for n in shape)
    return [[float(x / shape[1]), float(y / shape[0])] for y in rows for x in columns]


def shown(page, panel, shape):
    """Return the colours that a panel shows in the middle of every voxel of a slice."""
    return np.array(page.evaluate(COLOURS, [f"viewer-slice-{panel}", middles(shape)])).reshape(*shape, 4)


def slide(page, axis, plane):
    page.locator(f"#viewer-plane-{axis}").fill(str(plane))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slider_shows_the_voxels_of_its_plane(viewer, volumes, axis):
    for plane in (0, 5, SHAPE[axis] - 1):
        slide(viewer, axis, plane)
        slices = [v.read().take(plane, axis) for v in volumes[:2]]
        slices.append(volumes[0].read().take((plane + SHAPE[axis] // 2) % SHAPE[axis], axis))
        for panel, labels in enumerate(slices):
            np.testing.assert_array_equal(shown(viewer, panel, labels.shape), colours_of(volumes[0])[labels])


def test_slices_are_drawn_in_proportion(viewer):
    slide(viewer, 2, 3)  # 18 planes of 2 µm, 24 rows of 1 µm
    viewer.evaluate(SETTLED)
    box = viewer.locator("#viewer-slice-0").evaluate("(canvas) => [canvas.width, canvas.height]")
    assert box[0] / box[1] == pytest.approx(24 / 36, abs=0.01)
    assert viewer.locator("#viewer-directions").inner_text() == "axis 0 down, axis 1 right"


def test_the_pointer_reads_position_and_phases(viewer, volumes):
    slide(viewer, 0, 7)
    canvas = viewer.locator("#viewer-slice-0")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for row, column in ((10, 21), (23, 29), (0, 0)):
        viewer.mouse.move(box["x"] + box["width"] * (column + 0.5) / 30, box["y"] + box["height"] * (row + 0.5) / 24)
        names = [[*PHASES, *["outside the mask"] * 253][v.read()[7, row, column]] for v in volumes[:2]]
        away = [*PHASES, *["outside the mask"] * 253][volumes[0].read()[16, row, column]]
        said = viewer.locator("#viewer-position").inner_text()
        assert said == f"(7, {row}, {column}) real: {names[0]} · fake: {names[1]} · real away: {away}"


@pytest.mark.parametrize("how", ["button", "key"])
def test_flicker_changes_the_fake_for_the_real_and_back(viewer, volumes, how):
    slide(viewer, 0, 4)
    before, real = shown(viewer, 1, SHAPE[1:]), shown(viewer, 0, SHAPE[1:])
    assert (before != real).any()
    for expected, pressed in ((real, "true"), (before, "false")):
        if how == "button":
            viewer.locator("#viewer-flicker").click()
        else:
            viewer.locator("#viewer-slice-0").press("f")
        np.testing.assert_array_equal(shown(viewer, 1, SHAPE[1:]), expected)
        assert viewer.locator("#viewer-flicker").get_attribute("aria-pressed") == pressed


def test_another_candidate_is_chosen(viewer, volumes):
    slide(viewer, 0, 4)
    viewer.locator("#viewer-candidate").select_option("other")
    np.testing.assert_array_equal(shown(viewer, 1, SHAPE[1:]), colours_of(volumes[2])[volumes[2].read()[4]])
    assert viewer.locator("#viewer-caption-1").inner_text() == "other, plane 4"
    assert viewer.locator("#viewer-scene-candidate").inner_text() == "other"


def test_keys_go_through_planes_and_axes(viewer):
    canvas = viewer.locator("#viewer-slice-1")
    slide(viewer, 0, 5)
    for key, axis, plane in [
        ("ArrowRight", 0, 6), ("ArrowLeft", 0, 5), ("PageUp", 0, 15), ("PageUp", 0, 17), ("ArrowUp", 0, 17),
        ("2", 2, 15), ("ArrowDown", 2, 14), ("1", 1, 12), ("PageDown", 1, 2), ("PageDown", 1, 0), ("0", 0, 17),
    ]:  # fmt: skip
        canvas.press(key)
        assert viewer.locator(f"#viewer-axis-{axis}").is_checked()
        assert viewer.locator(f"#viewer-plane-{axis}").input_value() == str(plane)
        assert f"normal to axis {axis}, plane {plane}" in canvas.get_attribute("aria-label")


def test_zoom_keeps_the_middle_and_dragging_moves(viewer, volumes):
    slide(viewer, 0, 4)
    labels = volumes[0].read()[4]
    canvas = viewer.locator("#viewer-slice-0")
    for _ in range(6):
        canvas.press("+")
    zoom = 1.5**6
    rows, columns = (np.array([-0.9, -0.3, 0.3, 0.9]) for _ in range(2))
    places = [[0.5 + x / 30 * zoom, 0.5 + y / 24 * zoom] for y in rows for x in columns if abs(x / 30 * zoom) < 0.5]
    seen = viewer.evaluate(COLOURS, ["viewer-slice-0", places])
    expected = [labels[int(12 + (y - 0.5) * 24 / zoom), int(15 + (x - 0.5) * 30 / zoom)] for x, y in places]
    np.testing.assert_array_equal(seen, colours_of(volumes[0])[expected])

    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    viewer.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.mouse.down()
    viewer.mouse.move(box["x"] + box["width"] / 2 - 3 * zoom * box["width"] / 30, box["y"] + box["height"] / 2)
    viewer.mouse.up()
    (middle,) = viewer.evaluate(COLOURS, ["viewer-slice-1", [[0.51, 0.49]]])
    np.testing.assert_array_equal(middle, colours_of(volumes[1])[volumes[1].read()[4, 11, 18]])
    viewer.locator("#viewer-reset").click()
    np.testing.assert_array_equal(shown(viewer, 0, SHAPE[1:])[:10], colours_of(volumes[0])[labels][:10])


def test_two_fingers_zoom(open_page, path):
    page = open_page(path, width=400, has_touch=True)
    page.evaluate(SETTLED)
    canvas = page.locator("#viewer-slice-0")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
        points = [{"x": x - apart / 2, "y": y, "id": 0}, {"x": x + apart / 2, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    zoom = page.evaluate("() => document.getElementById('viewer').viewer.then(({ slices }) => slices.zoom)")
    assert zoom == pytest.approx(3, rel=0.05)


def test_differences_are_marked_where_they_are(open_page, tmp_path):
    rng = np.random.default_rng(3)
    real, fake = rng.random((2, 40, 40, 40)) < 0.3
    fake[:20, :20, :20] = rng.random((20, 20, 20)) < 0.6
    both = [mc.as_volume(array, name=name) for array, name in ((real, "real"), (fake, "fake"))]
    page = open_page(mc.write_view(both, tmp_path / "view.html"))
    page.evaluate(SETTLED)
    slide(page, 0, 10)
    plain = shown(page, 1, (40, 40))
    page.locator("#viewer-layer").select_option("local fraction of 1")
    layer = difference_layers(both)[0]
    rows, columns = (np.minimum(np.arange(40) // edge, n - 1) for edge, n in zip(layer.window[1:], (8, 8), strict=True))
    expected = layer.maps[1][10 // layer.window[0]][np.ix_(rows, columns)] != 0
    changed = (shown(page, 1, (40, 40)) != plain).any(axis=2)
    np.testing.assert_array_equal(changed, expected)
    assert expected[:20, :20].mean() > 0.9
    assert "of real itself" in page.locator("#viewer-layer-says").inner_text()


def picture(page):
    from PIL import Image

    page.locator("#viewer-scene").scroll_into_view_if_needed()
    page.evaluate(SETTLED)
    return np.asarray(Image.open(io.BytesIO(page.locator("#viewer-scene").screenshot())).convert("RGB")).astype(int)


def differ(one, other):
    return np.mean(np.abs(one - other).max(axis=2) > 8)


def test_volumes_are_seen_in_three_dimensions(viewer):
    first = picture(viewer)
    halves = np.split(first[:, : first.shape[1] // 2 * 2], 2, axis=1)
    assert all(np.mean(half.std(axis=2) > 8) > 0.1 for half in halves)  # colours, of real and fake
    scene = viewer.locator("#viewer-scene")
    scene.press("ArrowLeft")
    turned = picture(viewer)
    assert differ(first, turned) > 0.05
    scene.press("r")
    assert differ(first, picture(viewer)) == 0
    box = scene.bounding_box()
    viewer.mouse.move(box["x"] + 100, box["y"] + 100)
    viewer.mouse.down()
    viewer.mouse.move(box["x"] + 160, box["y"] + 130)
    viewer.mouse.up()
    assert differ(first, picture(viewer)) > 0.05


def test_the_cut_follows_the_slice(viewer):
    whole = picture(viewer)
    viewer.locator("#viewer-cut").check()
    half = picture(viewer)
    slide(viewer, 0, 17)
    assert differ(whole, half) > 0.05
    assert differ(whole, picture(viewer)) == 0


def test_phases_are_switched(viewer):
    counts = []
    for label in range(3):
        viewer.locator(f"#viewer-phase-{label}").set_checked(False)
    assert np.mean(picture(viewer).std(axis=2) > 8) < 0.01
    for label, text in enumerate(phase_colours(3)):
        viewer.locator(f"#viewer-phase-{label}").set_checked(True)
        colour = np.array([*bytes.fromhex(text[1:])])
        pixels = picture(viewer).reshape(-1, 3)
        likeness = pixels @ colour / np.maximum(np.linalg.norm(pixels, axis=1), 1) / np.linalg.norm(colour)
        counts.append(np.mean((likeness > 0.999) & (pixels.std(axis=1) > 8)))
        viewer.locator(f"#viewer-phase-{label}").set_checked(False)
    assert min(counts) > 0.02


def test_still_pictures_stand_in_where_there_is_no_webgl(open_page, path):
    script = """const context = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
        return kind === "webgl2" ? null : context.call(this, kind, ...more);
    };"""
    page = open_page(path, script=script)
    page.evaluate(SETTLED)
    assert page.locator("#viewer-scene").is_hidden()
    assert "WebGL 2" in page.locator("#viewer-stills").inner_text()
    assert page.locator("#viewer-stills img").evaluate_all("(all) => all.map((one) => one.naturalWidth)") == [180] * 3


@pytest.mark.parametrize("n_phases", [1, 2, 3, 7, 16])
def test_what_is_unpacked_is_what_was_packed(open_page, tmp_path, n_phases):
    rng = np.random.default_rng(n_phases)
    many = []
    for shape, masked in (((7, 11, 13), False), ((3, 5, 700), True), ((2, 90, 9), True), ((33, 2, 31), False)):
        lengths = rng.choice([1, 2, 3, 254, 255, 256, 510], np.prod(shape))
        labels = np.repeat(np.arange(lengths.size) % n_phases, lengths)[: lengths.size].reshape(shape)
        labels.flat[:n_phases] = range(n_phases)
        mask = np.ones(shape, bool)
        mask[0, ::2] = not masked
        mask.flat[:n_phases] = True
        many.append(mc.as_volume(labels, mask=mask if masked else None))
    page = open_page(mc.write_view(many, tmp_path / "view.html"))
    unpacked = page.evaluate(UNPACKED)
    for one, found in zip(many, unpacked, strict=True):
        expected = one.read()
        expected[expected == 255] = n_phases
        np.testing.assert_array_equal(found, expected.ravel())


def test_larger_voxels_keep_their_places(open_page, volumes, tmp_path, monkeypatch):
    monkeypatch.setattr("microchar.report.viewer.content._MOST_VOXELS", 2000)
    page = open_page(mc.write_view(volumes[:1], tmp_path / "view.html"))
    page.evaluate(SETTLED)
    assert "every 2nd voxel, by majority" in page.locator("#viewer").inner_text()
    slide(page, 0, 6)
    canvas = page.locator("#viewer-slice-0")
    canvas.press("ArrowRight")
    assert page.locator("#viewer-plane-0").input_value() == "8"
    # The lumps of the volume are as large as the new voxels.
    np.testing.assert_array_equal(shown(page, 0, SHAPE[1:]), colours_of(volumes[0])[volumes[0].read()[8]])
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 21.5 / 30, box["y"] + box["height"] * 10.5 / 24)
    phase = PHASES[volumes[0].read()[8, 10, 21]]
    assert page.locator("#viewer-position").inner_text() == f"(8, 10, 21) real: {phase}"


def test_an_image_has_one_slice(open_page, tmp_path):
    image, other = np.random.default_rng(0).integers(0, 2, (2, 20, 30))
    page = open_page(mc.write_view([image, other], tmp_path / "view.html"))
    page.evaluate(SETTLED)
    np.testing.assert_array_equal(shown(page, 0, (20, 30)), colours_of(mc.as_volume(image))[image])
    np.testing.assert_array_equal(shown(page, 1, (20, 30)), colours_of(mc.as_volume(image))[other])
    assert page.locator("canvas").count() == 2
    assert page.locator("input[type=range]:visible").count() == 0
    assert page.locator("#viewer-scene").count() == 0


def test_volumes_of_other_lengths_end(open_page, tmp_path):
    page = open_page(mc.write_view([volume(0, "real"), volume(1, "short", (9, 24, 20))], tmp_path / "view.html"))
    page.evaluate(SETTLED)
    slide(page, 0, 8)
    assert page.locator("#viewer-caption-1").inner_text() == "short, plane 8"
    slide(page, 0, 9)
    assert page.locator("#viewer-caption-1").inner_text() == "short, ends at plane 8"
    assert not shown(page, 1, (24, 30)).any()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 1024, 400])
def test_everyone_can_use_it(open_page, path, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = open_page(path, scheme=scheme, width=width)
    page.evaluate(SETTLED)
    page.locator("#viewer-layer").select_option(index=1)
    page.locator("summary").click()
    found = axe.Axe().run(page).response["violations"]
    assert [fault for fault in found if fault["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 24)"}[scheme]


def test_the_report_shows_the_volumes(open_page, volumes, tmp_path):
    comparison = mc.compare(volumes[0], volumes[1:], ["volume_fraction"])
    page = open_page(mc.write_report(comparison, tmp_path / "out", formats=["html"])["report.html"])
    page.evaluate(SETTLED)
    slide(page, 0, 3)
    np.testing.assert_array_equal(shown(page, 0, SHAPE[1:]), colours_of(volumes[0])[volumes[0].read()[3]])
