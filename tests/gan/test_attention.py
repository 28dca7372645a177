"""Attention and aggregation against a direct transcription of their equations; pooled statistics, frozen."""

from __future__ import annotations

import pytest
import torch

from microchar_gan.networks.aggregation import MHFA, MSCA
from microchar_gan.networks.attention import CAM, CBAM, MOMENTUM, SAM, GlobalPools

#: Of one volume, the first: its pools are then its own.
SHAPE = (1, 8, 6, 10, 8)


def seeded(module):
    torch.manual_seed(3)
    made = module()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.double()


@pytest.fixture
def x():
    torch.manual_seed(4)
    return torch.randn(SHAPE, dtype=torch.float64)


# --- the equations, with nothing of the package but its weights --------------------


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def circular(x, convolution):
    """A convolution of odd kernel as a sum of rolled volumes: y(x) = b + Σ_k w(k) x(x + k)."""
    weight, middle = convolution.weight, convolution.weight.shape[-1] // 2
    total = convolution.bias[None, :, None, None, None].expand(x.shape[0], -1, *x.shape[2:])
    for place in torch.cartesian_prod(*[torch.arange(weight.shape[-1])] * 3).tolist():
        rolled = x.roll([middle - k for k in place], (2, 3, 4))
        total = total + torch.einsum("oc,bcxyz->boxyz", weight[(..., *place)], rolled)
    return total


def pointwise(x, convolution):
    return torch.einsum("oc,bcxyz->boxyz", convolution.weight[..., 0, 0, 0], x) + convolution.bias[:, None, None, None]


def mlp(pooled, layers):
    first, _, second = layers
    hidden = torch.clamp(pooled @ first.weight.T + first.bias, min=0)
    return hidden @ second.weight.T + second.bias


def cam(f, module):
    """Mc(F) = σ(MLP(AvgPool F) + MLP(MaxPool F)), times F."""
    average = f.flatten(2).mean(dim=2)
    maximum = f.flatten(2).max(dim=2).values
    weight = 1 / (1 + torch.exp(-(mlp(average, module.mlp) + mlp(maximum, module.mlp))))
    return f * weight[..., None, None, None]


def sam(f, module):
    """Ms(F) = σ(f 7³ ([AvgPool F; MaxPool F])), pools over channels, times F."""
    pooled = torch.stack([f.mean(dim=1), f.max(dim=1).values], dim=1)
    return f / (1 + torch.exp(-circular(pooled, module.convolution.convolution)))


def branches(x, module):
    """The 3³, 5³ and 7³ features as three stacked 3³."""
    found = []
    for size in ("3", "5", "7"):
        x = leaky(circular(x, module.convolutions[size].convolution))
        found.append(x)
    return found


def mhfa(x, module):
    """x1 of the 3³ branch; x2 also takes 5³ in, x3 7³; all of it densely connected; 1³; residual."""
    b3, b5, b7 = branches(x, module.branches)
    dense = [layer.convolution for layer in module.dense]
    x1 = leaky(circular(b3, dense[0]))
    x2 = leaky(circular(torch.cat([b3, x1, b5], dim=1), dense[1]))
    x3 = leaky(circular(torch.cat([b3, x1, x2, b7], dim=1), dense[2]))
    x4 = leaky(circular(torch.cat([b3, x1, x2, x3], dim=1), dense[3]))
    return x + pointwise(torch.cat([b3, x1, x2, x3, x4], dim=1), module.fuse)


def msca(x, module):
    """Parallel branches, concatenated, 1³, channel attention, residual."""
    return x + cam(pointwise(torch.cat(branches(x, module.branches), dim=1), module.fuse), module.attention)


EQUATIONS = {
    "CAM": (lambda: CAM(8), cam),
    "SAM": (SAM, sam),
    "CBAM": (lambda: CBAM(8), lambda f, module: sam(cam(f, module.channel), module.spatial)),
    "MHFA": (lambda: MHFA(8), mhfa),
    "MSCA": (lambda: MSCA(8), msca),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_modules_are_what_their_equations_say(name, x):
    make, equation = EQUATIONS[name]
    module = seeded(make)
    with torch.no_grad():
        torch.testing.assert_close(module(x), equation(x, module), rtol=1e-10, atol=1e-10)
        assert (module(x) - x).abs().max() > 0.01


@pytest.mark.parametrize("channels", [8, 64, 512])
def test_the_perceptron_is_shared_and_reduces_by_sixteen(channels):
    module = CAM(channels)
    hidden = max(channels // 16, 4)
    assert [tuple(weight.shape) for weight in module.parameters()] == [
        (hidden, channels), (hidden,), (channels, hidden), (channels,),
    ]  # fmt: skip


def test_the_literal_branches_of_msca(x):
    module = seeded(lambda: MSCA(8, (3, 5), "dense"))
    parts = [leaky(circular(x, module.branches.convolutions[size].convolution)) for size in ("3", "5")]
    expected = x + cam(pointwise(torch.cat(parts, dim=1), module.fuse), module.attention)
    with torch.no_grad():
        torch.testing.assert_close(module(x), expected, rtol=1e-10, atol=1e-10)


def test_the_branches_of_mhfa_of_two_sizes_enter_at_their_layers(x):
    # Without 3³ the smallest begins: 5³; 7³ still enters at the third layer.
    module = seeded(lambda: MHFA(8, (5, 7), "dense"))
    assert [layer.convolution.in_channels for layer in module.dense] == [2, 4, 8, 8]
    b5, b7 = (leaky(circular(x, module.branches.convolutions[size].convolution)) for size in ("5", "7"))
    known = [b5]
    for layer, joining in zip(module.dense, ([], [], [b7], []), strict=True):
        known.append(leaky(circular(torch.cat([*known, *joining], dim=1), layer.convolution)))
    with torch.no_grad():
        expected = x + pointwise(torch.cat(known, dim=1), module.fuse)
        torch.testing.assert_close(module(x), expected, rtol=1e-10, atol=1e-10)


# --- pooled statistics ------------------------------------------------------------


def test_pools_are_of_each_volume_in_training_and_an_average_of_them_when_frozen():
    pools = GlobalPools(3).double()
    volumes = [torch.randn(2, 3, 4, 5, 6, dtype=torch.float64) for _ in range(80)]
    mean = maximum = torch.zeros(3, dtype=torch.float64)
    for n, volume in enumerate(volumes, 1):
        found = pools(volume)
        torch.testing.assert_close(found[0], volume.mean(dim=(2, 3, 4)))
        torch.testing.assert_close(found[1], volume.flatten(2).max(dim=2).values)
        # The plain mean of all of them, until the newest weighs less than the momentum.
        weight = max(1 / n, MOMENTUM)
        mean = (1 - weight) * mean + weight * volume.mean(dim=(0, 2, 3, 4))
        maximum = (1 - weight) * maximum + weight * volume.flatten(2).max(dim=2).values.mean(dim=0)
    frozen = pools.eval()(torch.randn(5, 3, 4, 4, 4, dtype=torch.float64))
    torch.testing.assert_close(frozen[0], mean.expand(5, -1))
    torch.testing.assert_close(frozen[1], maximum.expand(5, -1))
    pools.reset()
    pools.train()(volumes[0])
    torch.testing.assert_close(pools.mean, volumes[0].mean(dim=(0, 2, 3, 4)))


@pytest.mark.parametrize("make", [lambda: CAM(4), lambda: CBAM(4), lambda: MSCA(4)])
def test_the_attention_map_follows_the_volume_in_training_and_is_one_for_all_when_frozen(make):
    module = seeded(make)
    maps = []
    cam = next(part for part in module.modules() if isinstance(part, CAM))
    cam.register_forward_hook(lambda _, inputs, out: maps.append((out / inputs[0])[:, :, 0, 0, 0]))
    x = torch.randn(2, 4, 6, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        module(x), module(1.5 * x)
        module.eval()
        module(x), module(1.5 * x)
    first, other, frozen, still_frozen = maps
    # Two volumes of a batch, and the same ones with stronger features.
    assert (first[0] - first[1]).abs().max() > 1e-4
    assert (first - other).abs().max() > 1e-4
    torch.testing.assert_close(frozen[0], frozen[1])
    torch.testing.assert_close(frozen, still_frozen)


@pytest.mark.parametrize("make", [lambda: CAM(4), lambda: CBAM(4), lambda: MSCA(4)])
def test_frozen_attention_is_local(make):
    module = seeded(make)
    torch.manual_seed(5)
    x = torch.randn(1, 4, 24, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        # Eight voxels that another volume shares: with pools that both take part in they come out otherwise.
        other = torch.randn_like(x)
        other[:, :, 4:20] = x[:, :, 4:20]
        middle = slice(8, 16)
        assert (module(x) - module(other))[:, :, middle].abs().max() > 1e-6
        module.eval()
        torch.testing.assert_close(module(x)[:, :, middle], module(other)[:, :, middle], rtol=0, atol=1e-14)


def test_attention_at_its_limits():
    x = torch.randn(1, 4, 4, 4, 4)
    module = CAM(4)
    torch.nn.init.zeros_(module.mlp[2].weight)
    torch.nn.init.zeros_(module.mlp[2].bias)
    # Two zeros: the sigmoid is one half.
    torch.testing.assert_close(module(x), x / 2)
    spatial = SAM()
    torch.nn.init.zeros_(spatial.convolution.convolution.weight)
    torch.nn.init.constant_(spatial.convolution.convolution.bias, 50.0)  # the sigmoid is one
    torch.testing.assert_close(spatial(x), x)
