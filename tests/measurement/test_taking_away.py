"""Results in other forms: HTML in notebooks, matplotlib axes, tables of pandas, datasets of xarray."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.pictures import decode
from microchar.testing.volumes import overlapping_spheres

METRICS = ["volume_fraction", "two_point_correlation", "chord_length_distribution", "percolating_fraction"]


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(0)
    volumes = [
        mc.as_volume(rng.random((16, 18, 20)) < share, phases=["<b>pore</b>", "solid"], voxel_size="2um", name=name)
        for share, name in ((0.4, "real <i>"), (0.5, "fake"))
    ]
    return mc.compare(*volumes, METRICS, r_max=5)


class Page(HTMLParser):
    """Texts, tags and addresses of some HTML."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.tags, self.sources = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.property
def test_what_a_notebook_shows_is_escaped_and_needs_no_network(comparison):
    real = comparison.reference.volume
    ranking = mc.rank(real, {"<script>": real}, shape=(8, 8, 8), metrics=["volume_fraction"])
    for shown in (real, comparison.reference, comparison, ranking):
        page = Page(shown._repr_html_())
        assert not {"b", "i", "script"} & set(page.tags)
        assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "<b>pore</b>" in "".join(Page(comparison._repr_html_()).texts)
    assert "<script>" in Page(ranking._repr_html_()).texts


def test_the_table_of_a_comparison_holds_verdict_values_and_errors(comparison):
    texts = Page(comparison._repr_html_()).texts
    (verdict,) = comparison.verdicts
    assert {str(verdict.word), verdict.sentence} <= set(texts)
    value = comparison.candidates[0]["volume_fraction"].value(phase="solid")
    shown, error = texts[texts.index("solid") + 2].split(" ± ")
    assert float(shown) == pytest.approx(value.value, abs=value.standard_error / 10)
    assert float(error) == pytest.approx(value.standard_error, rel=0.05)


def test_the_pictures_of_a_volume_are_its_middle_slices_in_proportion():
    labels = np.random.default_rng(0).integers(0, 2, (4, 6, 10), np.uint8)
    html = mc.as_volume(labels, voxel_size="1,1,2um")._repr_html_()
    pictures = [decode(source.partition(",")[2]) for source in Page(html).sources]
    for axis, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture, labels.take(labels.shape[axis] // 2, axis) * 255)
    assert "width:180px;height:54px" in html  # 20 um by 6 um


def test_curves_are_the_profiles_with_bands_of_95_percent(comparison):
    ax = comparison.plot("two_point_correlation", phase="solid", direction="0")
    profiles = [
        measured["two_point_correlation"].profile(phase="solid", direction="0")
        for measured in (comparison.reference, *comparison.candidates)
    ]
    for line, band, profile in zip(ax.lines, ax.collections, profiles, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([profile.x, profile.y]))
        ends = profile.y[0] + np.array([-1.96, 1.96]) * profile.standard_error[0]
        at_first = band.get_paths()[0].vertices
        heights = at_first[at_first[:, 0] == profile.x[0], 1]
        assert [heights.min(), heights.max()] == pytest.approx(ends)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "real <i>, solid, axis 0",
        "fake, solid, axis 0",
    ]


def test_dots_are_the_values(comparison):
    ax = comparison.plot("percolating_fraction", phase="solid")
    drawn = [container.lines[0].get_ydata().tolist() for container in ax.containers]
    volumes = (comparison.reference, *comparison.candidates)
    assert drawn == [[v.value for v in m["percolating_fraction"].values if v.phase == "solid"] for m in volumes]
    assert [text.get_text() for text in ax.get_xticklabels()] == [f"solid, axis {axis}" for axis in range(3)]


@pytest.mark.property
def test_plots_leave_pyplot_alone_and_take_axes(comparison):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert comparison.reference["volume_fraction"].plot(ax) is ax
    assert comparison.reference.plot("two_point_correlation").figure is not ax.figure
    assert pyplot.get_fignums() == []


def test_without_a_choice_all_phases_are_drawn_in_the_mean_over_directions(comparison):
    found = comparison.reference["chord_length_distribution"]
    ax = found.plot()
    expected = [p.y for p in found.profiles if p.feature == "density" and p.direction == "mean"]
    for line, y in zip(ax.lines, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), y)


@pytest.mark.property
def test_what_cannot_be_drawn_is_refused(comparison):
    with pytest.raises(InputError, match="expected one of volume_fraction, two_point_correlation"):
        comparison.plot()
    with pytest.raises(InputError, match="did you mean 'volume_fraction'"):
        comparison.reference.plot("volume_fractions")
    with pytest.raises(InputError, match="volume_fraction has nothing to draw: nothing has phase='air'"):
        comparison.reference["volume_fraction"].plot(phase="air")
    two = mc.measure(np.eye(8), ["triple_phase_boundary"])
    with pytest.raises(InputError, match="needs at least 3 phases"):
        two.plot()


def test_the_table_of_everything_is_that_of_values_and_that_of_profiles(comparison):
    table = comparison.to_pandas()
    values, points = table[table.x.isna()], table[table.x.notna()]
    assert values.value.tolist() == comparison.scalars().value.tolist()
    assert (
        points[["volume", "x", "value"]].values.tolist()
        == comparison.profiles()[["volume", "x", "value"]].values.tolist()
    )
    assert list(table.columns) == list(comparison.profiles().columns)


def test_the_dataset_holds_every_point_of_every_profile(comparison):
    data = comparison.to_xarray()
    for measured in (comparison.reference, *comparison.candidates):
        for result in measured.values():
            for profile in result.profiles:
                name = "_".join(filter(None, (result.metric, profile.feature)))
                place = {"volume": measured.volume.name, "phase": profile.phase, "direction": profile.direction}
                values = data[name].sel(place).sel({f"{name}_x": profile.x})
                np.testing.assert_array_equal(values, profile.y)
                assert (data[name].units, data[f"{name}_x"].units) == (profile.unit, profile.x_unit)
    assert "volume" not in comparison.reference.to_xarray().dims


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (5, 1, 7)])
def test_a_volume_comes_back_from_xarray(shape, masked):
    values = np.random.default_rng(0).integers(0, 2, shape, np.uint8) * 255
    mask = np.random.default_rng(1).random(shape) < 0.9 if masked else None
    volume = mc.as_volume(values, voxel_size="1,1.5,2um", phases=["pore", "solid"], mask=mask)
    array = volume.to_xarray()
    back = mc.as_volume(
        array, phases=dict(zip(array.phases, array.grey_values, strict=True)), mask=array.coords.get("mask")
    )
    np.testing.assert_array_equal(back.read().squeeze(), volume.read().squeeze())
    thick = [axis for axis in range(3) if shape[axis] > 1]
    assert [back.voxel_size[axis] for axis in back.grid.axes] == [volume.voxel_size[axis] for axis in thick]
    assert (back.unit, back.phases) == (volume.unit, volume.phases)


@pytest.mark.property
def test_without_xarray_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingDependencyError, match="pip install xarray"):
        overlapping_spheres((8, 8, 8), radius=2, void_fraction=0.5, seed=0).to_xarray()
