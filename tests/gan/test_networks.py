"""Networks and their layers: shapes, gradients, the torus, what each kernel sees, and how many weights there are."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pytest
import torch
from scipy.signal import convolve
from torch import nn
from torch.nn import functional

from microchar.core.material import Material
from microchar_gan.gan import SliceGan, UnetGan
from microchar_gan.networks.aggregation import MHFA, MSCA
from microchar_gan.networks.attention import CAM, CBAM, SAM
from microchar_gan.networks.building import build
from microchar_gan.networks.critic import SliceCritic
from microchar_gan.networks.layers import BatchRenorm3d, Branches, CircularConv3d, CircularUp3d, activate, wrap
from microchar_gan.networks.slicegan import SliceGanNet
from microchar_gan.networks.unet import DecoderStage, UNet
from microchar_gan.settings import PRESETS, settings_of
from microchar_gan.tiling.halo import impulse_halo
from microchar_gan.tiling.network_field import field_of, halo_of

IMPLS = ("stacked", "dense", "dilated")
SUBSETS = [kernels for n in (1, 2, 3) for kernels in itertools.combinations((3, 5, 7), n)]


def unet(**changes):
    plain = {"width": 4, "depth": 1, "norm": "none", "norm_within": False, "skip_start": 1.0, "logit_scale": 0.0}
    beyond = {"channels": 2, "phases": 2}
    beyond |= {key: changes.pop(key) for key in list(changes) if key in beyond}
    torch.manual_seed(0)
    return UNet(settings_of("default", plain | changes), **beyond)


def critic_of(phases, **changes):
    return SliceCritic(settings_of("default", changes), phases)


def tiny_of(preset, **changes):
    """Each preset's own network, narrow."""
    width = 32 if preset == "slicegan" else 4
    torch.manual_seed(2)  # of a few seeds, some begin with a perceptron whose units are all shut off
    return build(settings_of(preset, {"width": width} | changes), 2)


# --- shapes -----------------------------------------------------------------------

SHAPES = [(8, 8, 8), (8, 12, 16)]
SAME = {
    "3³": lambda: CircularConv3d(4, 6),
    "7³": lambda: CircularConv3d(4, 6, 7),
    "3³, dilated": lambda: CircularConv3d(4, 6, dilation=3),
    "MHFA": lambda: MHFA(4),
    "MSCA": lambda: MSCA(4),
    "CAM": lambda: CAM(4),
    "SAM": SAM,
    "CBAM": lambda: CBAM(4),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SAME)
def test_modules_keep_the_grid(name, shape):
    made = SAME[name]()(torch.randn(2, 4, *shape))
    assert made.shape == (2, 6 if "³" in name else 4, *shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_strides_halve_and_double_the_grid(shape):
    x = torch.randn(2, 4, *shape)
    half, double = tuple(n // 2 for n in shape), tuple(2 * n for n in shape)
    assert CircularConv3d(4, 6, 4, 2)(x).shape == (2, 6, *half)
    assert CircularUp3d(4, 3)(x).shape == (2, 3, *double)
    assert DecoderStage(2, [], settings_of("default", {"norm": "none"}))(x, torch.randn(2, 2, *double)).shape == (
        2,
        2,
        *double,
    )


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("kernels", SUBSETS)
def test_each_kernel_size_gives_its_features(impl, kernels):
    features = Branches(4, 3, kernels, impl)(torch.randn(1, 4, 8, 8, 12))
    assert [f.shape for f in features] == [(1, 3, 8, 8, 12)] * len(kernels)
    assert MHFA(4, kernels, impl)(torch.randn(1, 4, 8, 8, 12)).shape == (1, 4, 8, 8, 12)


@pytest.mark.parametrize("phases", [2, 3])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_logits_of_its_field(preset, phases):
    settings = settings_of(preset, {})
    with torch.device("meta"):
        network = build(settings, phases)
        shapes = [(settings.field,) * 3, (64, 64, 128)]
        for shape in shapes:
            noise = torch.empty((2, *network.noise_shape(shape)))
            assert network(noise).shape == (2, phases, *shape)
        critic = SliceCritic(settings, phases)
        assert critic(torch.empty(5, phases, settings.slice_size, settings.slice_size)).shape == (5,)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_layout_of_the_fitted_state_is_that_of_the_network(preset):
    width = 32 if preset == "slicegan" else 4
    model = (SliceGan if preset == "slicegan" else UnetGan)(preset=preset, width=width)
    settings = model.settings()
    for phases in (2, 3, 5):
        model.material = Material(phases=tuple("abcde"[:phases]), grey_values=tuple(range(phases)))
        layout = dict(model.layout)
        assert layout.pop("halo") == ("int64", (1,))
        network = build(settings, phases)
        halves = {key for key, _ in network.named_parameters()}
        state = {k: v for k, v in network.state_dict().items() if v.is_floating_point()}
        assert set(state) == set(layout)
        for key, (dtype, dimensions) in layout.items():
            assert dtype == ("float16" if key in halves else "float32")
            assert dimensions == tuple(state[key].shape)


def test_slicegan_makes_32_voxels_of_a_latent_and_trims_one_at_each_side():
    torch.manual_seed(0)
    network = SliceGanNet(settings_of("slicegan", {"width": 32}), 3).double().eval()
    assert network.noise_shape((64, 64, 64)) == (32, 4, 4, 4)
    latents = torch.randn(1, 32, 4, 3, 5, dtype=torch.float64)
    with torch.no_grad():
        volume = network(latents)
        assert volume.shape == (1, 3, 64, 32, 96)
        # More latents make more of the same field.
        torch.testing.assert_close(network(latents[:, :, 1:]), volume[:, :, 32:], rtol=0, atol=1e-12)
        torch.testing.assert_close(network(latents[..., :4]), volume[..., :64], rtol=0, atol=1e-12)


def test_slicegan_keeps_its_rules_and_widths():
    network = SliceGanNet(settings_of("slicegan", {}), 2)
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.ConvTranspose3d)]
    assert [layer.in_channels for layer in convolutions] == [32, 1024, 512, 128]
    assert convolutions[-1].out_channels == network.head.in_channels == 32
    for layer in convolutions:
        (s, *_), (k, *_), (p, *_) = layer.stride, layer.kernel_size, layer.padding
        assert (k, s, p) == (4, 2, 2)
        assert s < k
        assert k % s == 0
        assert p >= k - s


def test_the_critic_is_that_of_the_source():
    critic = SliceCritic(settings_of("paper", {}), 2)
    convolutions = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (2, 32), (32, 64), (64, 128), (128, 256), (256, 512), (512, 1),
    ]  # fmt: skip
    assert [c.kernel_size[0] for c in convolutions] == [3, 4, 4, 4, 4, 4]
    assert [c.stride[0] for c in convolutions[1:]] == [2] * 5
    assert [c.padding[0] for c in convolutions] == [1, 1, 1, 1, 1, 0]
    blocks = [type(layer) for layer in critic.layers][1:]
    assert blocks == [nn.BatchNorm2d, nn.LeakyReLU, nn.Conv2d] * 5
    assert {layer.negative_slope for layer in critic.layers if isinstance(layer, nn.LeakyReLU)} == {0.0}


def test_the_paper_preset_is_literal():
    with torch.device("meta"):
        network = build(settings_of("paper", {}), 2)
    branches = [module for module in network.modules() if isinstance(module, Branches)]
    # MHFA in each of the four stages; MSCA at the bottom and in the lowest stage.
    assert [type(module) for module in network.modules() if isinstance(module, MHFA | MSCA)] == [
        MSCA, MHFA, MSCA, MHFA, MHFA, MHFA,
    ]  # fmt: skip
    for module in branches:
        kernels = [one.convolution.kernel_size[0] for one in module.convolutions.values()]
        assert kernels == [3, 5, 7]
        assert len({one.convolution.in_channels for one in module.convolutions.values()}) == 1
    x = torch.tensor([-2.0, 3.0])
    assert {module.slope for module in network.modules() if hasattr(module, "slope")} == {0.0}
    assert activate(x, 0.0).tolist() == [0.0, 3.0]


def test_the_choices_that_the_source_leaves_open_change_the_network():
    def shape_of(**changes):
        with torch.device("meta"):
            return {key: tuple(value.shape) for key, value in unet(**changes).named_parameters()}

    usual = shape_of()
    assert shape_of(mhfa_share=1)["stages.0.extras.0.branches.convolutions.3.convolution.weight"][0] == 4
    assert shape_of(msca_share=1)["bottom.branches.convolutions.3.convolution.weight"][0] == 8
    assert shape_of(width=32, reduction=4)["bottom.attention.mlp.0.weight"] == (16, 64)
    assert not any(key.startswith("bottom") for key in shape_of(msca_levels=0))
    only_bottom = shape_of(msca_levels=1)
    assert any(key.startswith("bottom") for key in only_bottom)
    assert len(only_bottom) < len(usual)


@pytest.mark.parametrize("module", [MHFA, MSCA])
def test_without_the_residual_the_features_replace_the_input(module):
    x = torch.randn(1, 4, 8, 8, 8)
    torch.manual_seed(0)
    added = module(4)
    torch.manual_seed(0)
    replaced = module(4, residual=False)
    torch.testing.assert_close(added(x), x + replaced(x))


def test_random_initial_kernels_are_no_interpolation():
    torch.manual_seed(0)
    ones = torch.ones(1, 1, 4, 4, 4)
    starts = ("interpolation", "random")
    spread = {start: float(CircularUp3d(1, 1, False, start)(ones).detach().std()) for start in starts}
    # What is uniform stays so, or becomes a chequerboard.
    assert spread["interpolation"] < 1e-6 < 1e-3 < spread["random"]


# --- gradients --------------------------------------------------------------------

SWITCHES = {
    **{f"preset {preset}": (lambda preset=preset: tiny_of(preset)) for preset in PRESETS},
    **{f"kernels {impl}": (lambda impl=impl: unet(kernel_impl=impl)) for impl in IMPLS},
    "batch norm": lambda: unet(norm="batch", norm_within=True),
    "renorm": lambda: unet(norm="renorm", norm_within=True),
    "logits normalised": lambda: unet(logit_scale=4.0),
    "no norm": lambda: unet(norm="none"),
    "plain rectifiers": lambda: unet(width=16, slope=0.0, up_start="random"),
    "no residuals": lambda: unet(residual=False),
    "two levels": lambda: unet(depth=2),
    "without MHFA": lambda: unet(mhfa_kernels=()),
    "without MSCA": lambda: unet(msca_kernels=()),
    "without CBAM": lambda: unet(cbam=False),
    "MHFA of 5³ and 7³": lambda: unet(mhfa_kernels=(5, 7)),
}


#: Biases that a batch norm takes off again: their gradient is zero but for rounding.
CANCELLED = re.compile(
    r"(down\.\d\.0|stages\.\d\.up|head)\.convolution\.bias|stages\.\d\.fuse\.bias"
    r"|(bottom|stages\.\d\.extras\.\d)\.fuse\.bias|stages\.\d\.extras\.\d\.spatial\.convolution\.convolution\.bias"
)


@pytest.mark.parametrize("name", SWITCHES)
def test_gradients_reach_every_parameter_of_the_generator(name):
    network = SWITCHES[name]()
    edge = 64 if name in ("preset slicegan", "preset paper") else 16
    noise = torch.randn(2, *network.noise_shape((edge,) * 3))
    probabilities = network(noise).softmax(dim=1)
    (probabilities * torch.randn_like(probabilities)).sum().backward()
    normed = any(isinstance(module, nn.BatchNorm3d) for module in network.modules())
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert (normed and CANCELLED.fullmatch(key)) or parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("crop", [32, 48, 64])
def test_gradients_reach_every_parameter_of_the_critic_and_the_slices(norm, crop):
    torch.manual_seed(0)
    critic = critic_of(3, slice_size=crop, critic_width=4, critic_norm=norm, lipschitz="clip")
    slices = torch.randn(6, 3, crop, crop, requires_grad=True)
    scores = critic(slices)
    (scores * torch.randn(6)).sum().backward()
    assert slices.grad.abs().amax(dim=(1, 2, 3)).min() > 0
    for i, layer in enumerate(critic.layers):
        for key, parameter in layer.named_parameters():
            before_norm = norm == "batch" and key == "bias" and i < len(critic.layers) - 1 and hasattr(layer, "stride")
            assert before_norm or parameter.grad.abs().max() > 0, (i, key)


@pytest.mark.parametrize(("shape", "width"), [((3, 4, 5), 1), ((3, 4, 5), 3), ((2, 2, 3), 2)])
def test_the_gradient_of_wrapping_is_that_of_pytorch(shape, width):
    x = torch.randn(2, 2, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: wrap(x, width), (x,))
    # gradcheck sees one direction at a time; integers show that nothing is added twice or left out.
    weights = torch.randint(-9, 9, (2, 2, *(n + 2 * width for n in shape))).double()
    (ours,) = torch.autograd.grad((wrap(x, width) * weights).sum(), x)
    (theirs,) = torch.autograd.grad((functional.pad(x, [width] * 6, mode="circular") * weights).sum(), x)
    assert torch.equal(ours, theirs)
    assert wrap(x, 0) is x


# --- the torus --------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (7, 1, 1), (3, 1, 3), (4, 2, 1)])
def test_convolutions_wrap_around(kernel, stride, dilation):
    torch.manual_seed(0)
    layer = CircularConv3d(2, 3, kernel, stride, dilation).double()
    x = torch.randn(1, 2, 8, 6, 10, dtype=torch.float64)
    # The middle of 3³ copies, without any padding there.
    copies = functional.conv3d(x.repeat(1, 1, 3, 3, 3), layer.convolution.weight, layer.convolution.bias,
                               stride, layer.width, dilation)  # fmt: skip
    middle = tuple(slice(n // stride, 2 * n // stride) for n in (8, 6, 10))
    torch.testing.assert_close(layer(x), copies[(..., *middle)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("even", [True, False])
def test_upsampling_wraps_around_and_begins_as_linear_interpolation(even):
    torch.manual_seed(0)
    layer = CircularUp3d(1, 1, even).double()
    x = torch.randn(1, 1, 4, 6, 5, dtype=torch.float64)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    if even:
        weight = torch.from_numpy(convolve(weight[0, 0].detach().numpy(), np.ones((2, 2, 2))))[None, None]
    copies = functional.conv_transpose3d(x.repeat(1, 1, 3, 3, 3), weight, bias, 2, 1)
    middle = tuple(slice(2 * n, 4 * n) for n in (4, 6, 5))
    torch.testing.assert_close(layer(x), copies[(..., *middle)], rtol=0, atol=1e-12)
    # A quarter and three quarters of the two nearest voxels along each axis, times the mixing of channels.
    linear = functional.interpolate(x.repeat(1, 1, 3, 3, 3), scale_factor=2, mode="trilinear", align_corners=False)
    mixing = weight[0, 0].sum() / 8
    torch.testing.assert_close(layer(x), mixing * linear[(..., *middle)] + bias[:, None, None, None])


def test_even_upsampling_leaves_what_is_uniform_uniform_whatever_its_weights():
    torch.manual_seed(0)
    x = torch.arange(1.0, 4.0)[None, :, None, None, None].expand(1, 3, 4, 4, 4)
    ranges = []
    for even in (True, False):
        layer = CircularUp3d(3, 2, even)
        nn.init.normal_(layer.convolution.weight)
        made = layer(x).detach()
        ranges.append(float((made.amax(dim=(2, 3, 4)) - made.amin(dim=(2, 3, 4))).max()))
    assert ranges[0] < 1e-4
    assert ranges[1] > 1


@pytest.mark.parametrize("shifts", [(2, 0, 0), (-2, 4, 6), (8, 8, 8)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("changes", [{}, {"depth": 2}, {"norm": "batch", "logit_scale": 4.0}, {"kernel_impl": "dense"}])
def test_rolled_noise_rolls_the_volume(changes, training, shifts):
    network = unet(**changes).double().train(training)
    network.logit_norm.float()  # logits are taken in single precision
    features = []
    network.head.register_forward_hook(lambda module, given, made: features.append(made))
    shifts = tuple(n * network.align // 2 for n in shifts)
    noise = torch.randn(1, 2, 16, 24, 16, dtype=torch.float64)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, CAM):  # as after training: not the same for every channel
                module.pools.mean.normal_()
                module.pools.maximum.normal_()
        logits, moved = network(noise), network(noise.roll(shifts, (2, 3, 4)))
        torch.testing.assert_close(moved, logits.roll(shifts, (2, 3, 4)))
        network(noise.roll(1, 2))
    volume, moved, once = features
    # Means over all voxels are summed in another order; nothing else differs.
    torch.testing.assert_close(moved, volume.roll(shifts, (2, 3, 4)), rtol=0, atol=1e-12)
    assert volume.std(dim=(2, 3, 4)).min() > 1e-3
    assert (once - volume.roll(1, 2)).abs().max() > 1e-6


def test_the_noise_reaches_less_far_than_tiles_could_bear():
    # The specification: the half-width of the default stays under 64 voxels. An impulse finds it for any weights.
    network = build(settings_of("default", {"width": 2}), 2).eval()
    found = impulse_halo(network, network.channels, align=network.align, shortest=network.shortest)
    assert found.exact
    assert found.halo <= 64


@pytest.mark.parametrize("impl", IMPLS)
def test_all_kinds_of_kernels_see_the_same_neighbourhood(impl):
    branches = Branches(1, 2, (3, 5, 7), impl).eval()
    impulse = torch.zeros(1, 1, 16, 16, 16)
    impulse[0, 0, 8, 8, 8] = torch.nan
    for size, features in zip((3, 5, 7), branches(impulse), strict=True):
        places = torch.argwhere(features.isnan().any(dim=1)[0]) - 8
        assert places.amin(dim=0).tolist() == [-(size // 2)] * 3
        assert places.amax(dim=0).tolist() == [size // 2] * 3
        # A dilated kernel has 27 weights wherever they lie; the others fill the cube.
        assert len(places) == (27 if impl == "dilated" else size**3)


def renorm_that_has_seen(*statistics):
    layer = BatchRenorm3d(2)
    layer.num_batches_tracked.fill_(10_000)
    for buffer, values in zip((layer.running_mean, layer.running_var), statistics, strict=True):
        buffer.copy_(torch.tensor(values))
    nn.init.uniform_(layer.weight, 0.5, 2)
    nn.init.uniform_(layer.bias, -1, 1)
    return layer


def test_renormalised_volumes_are_what_frozen_statistics_make_of_them():
    x = torch.randn(1, 2, 6, 6, 6) * 2 + 1
    seen = x.mean(dim=(0, 2, 3, 4)) + torch.tensor([0.1, -0.1]), x.var(dim=(0, 2, 3, 4)) * torch.tensor([0.9, 1.1])
    layer = renorm_that_has_seen(*(values.tolist() for values in seen))
    frozen = copy.deepcopy(layer).eval()(x)
    torch.testing.assert_close(layer.train()(x), frozen)
    # The statistics go on running as those of batch norm do.
    expected = 0.9 * seen[0] + 0.1 * x.mean(dim=(0, 2, 3, 4))
    torch.testing.assert_close(layer.running_mean, expected)


def test_the_gradient_of_renorm_is_that_of_batch_norm_times_the_correction():
    x = torch.randn(2, 2, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    variance = x.detach().var(dim=(0, 2, 3, 4)) * torch.tensor([0.9, 1.1])
    layer = renorm_that_has_seen([0.1, -0.1], variance.tolist()).double()
    direction = torch.randn(2, 2, 4, 4, 4, dtype=torch.float64)
    correction = (x.detach().var(dim=(0, 2, 3, 4), correction=0) + layer.eps).sqrt() / (layer.running_var + 1e-5).sqrt()
    (found,) = torch.autograd.grad((layer(x) * direction).sum(), x)
    plain = functional.batch_norm(x, None, None, layer.weight * correction, None, training=True)
    (expected,) = torch.autograd.grad((plain * direction).sum(), x)
    torch.testing.assert_close(found, expected)


def test_renorm_corrects_no_more_than_pieces_of_a_material_differ():
    x = torch.randn(1, 2, 6, 6, 6)
    layer = renorm_that_has_seen([-50.0, 50.0], [0.01, 100.0])
    torch.nn.init.ones_(layer.weight), torch.nn.init.zeros_(layer.bias)
    plain = functional.batch_norm(x, None, None, training=True)
    factor, shift = torch.tensor([1.1, 1 / 1.1]), torch.tensor([0.1, -0.1])
    expected = plain * factor[:, None, None, None] + shift[:, None, None, None]
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_renorm_begins_as_batch_norm():
    x = 5 * torch.randn(1, 2, 4, 4, 4) - 3
    layer = renorm_that_has_seen([0.0, 0.0], [1.0, 1.0])
    layer.num_batches_tracked.zero_()
    plain = functional.batch_norm(x, None, None, layer.weight, layer.bias, training=True)
    torch.testing.assert_close(layer(x), plain)


@pytest.mark.parametrize("module", [MHFA, MSCA])
def test_what_a_normalised_aggregation_adds_does_not_grow_with_its_weights(module):
    aggregate, x = module(8, norm="batch"), torch.randn(1, 8, 12, 12, 12)
    before = aggregate(x) - x
    with torch.no_grad():
        aggregate.fuse.weight.mul_(1000)
    torch.testing.assert_close(aggregate(x) - x, before, rtol=1e-2, atol=1e-3)
    assert 0 < before.std() < 0.2  # near the identity to begin with


def test_normalised_spatial_attention_is_not_saturated_by_large_features():
    torch.manual_seed(0)
    x = 1000 * torch.randn(1, 4, 12, 12, 12) + 500
    plain, normalised = SAM(), SAM(norm="batch")
    normalised.convolution.load_state_dict(plain.convolution.state_dict())

    def undecided(module):
        weight = module(x) / x
        return ((weight > 0.01) & (weight < 0.99)).float().mean()

    assert undecided(plain) < 0.1
    assert undecided(normalised) > 0.95


def test_normalised_logits_have_the_spread_asked_for_about_their_shift():
    network = unet(logit_scale=4.0, phases=3)
    with torch.no_grad():
        network.head.convolution.weight *= 100
        network.shift.copy_(torch.tensor([1.0, -2.0, 0.5]))
    logits = network(torch.randn(2, 2, 16, 16, 16)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(logits.std(dim=1, correction=0), torch.full((3,), 4.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(logits.mean(dim=1), network.shift, rtol=0, atol=1e-3)


# --- as the tiles see it ----------------------------------------------------------


@pytest.mark.parametrize("preset", ["tiny", "slicegan"])
def test_labels_are_the_largest_of_the_logits(preset):
    network = tiny_of(preset).eval()
    shape = (32, 64, 32)
    noise = np.random.default_rng(0).standard_normal(network.noise_shape(shape)).astype(np.float32)
    labels = field_of(network, halo_of(network)).forward(noise)
    with torch.no_grad():
        logits = network(torch.from_numpy(noise)[None])[0].numpy()
    assert labels.dtype == np.uint8
    assert labels.shape == shape
    np.testing.assert_array_equal(labels, logits.argmax(axis=0))


# --- how many weights -------------------------------------------------------------

#: Weights of generator and critic for two phases.
WEIGHTS = {
    "default": (428_362, 699_409),
    "paper": (116_760_504, 2_797_025),
    "baseline": (238_612, 699_409),
    "slicegan": (40_113_154, 2_795_041),
    "tiny": (20_343, 43_973),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_these_numbers_of_weights(preset):
    settings = settings_of(preset, {})
    with torch.device("meta"):
        generator = build(settings, 2)
        critic = SliceCritic(settings, 2)
    counts = tuple(sum(weight.numel() for weight in network.parameters()) for network in (generator, critic))
    assert counts == WEIGHTS[preset]
    # Lean by default, at most 5 million.
    assert preset not in ("default", "tiny", "baseline") or counts[0] < 5e6


def test_the_modules_of_the_ablations_are_left_out_when_off():
    def kinds(**changes):
        return {type(module) for module in unet(**changes).modules()}

    everything = kinds()
    assert {MHFA, MSCA, CBAM} <= everything
    assert everything - kinds(mhfa_kernels=()) == {MHFA}
    assert MSCA not in kinds(msca_kernels=())
    assert everything - kinds(cbam=False) == {CBAM, SAM}
    assert not {MHFA, MSCA, CBAM, CAM, SAM} & {type(module) for module in tiny_of("baseline").modules()}


def test_a_reach_beyond_the_longest_halo_is_a_warning(monkeypatch):
    from microchar_gan.tiling import network_field
    from microchar_gan.tiling.halo import Reach

    network = build(settings_of("tiny", {}), 2)
    monkeypatch.setattr(network_field, "felt_halo", lambda *arguments, **options: Reach(64, False))
    with pytest.warns(UserWarning, match="noise more than 64 cells away still changes the labels"):
        assert halo_of(network) == 64
