"""A part of a U-net's volume is what the whole has there, whatever the network is made of and wherever it lies."""

from __future__ import annotations

import pytest
import torch

from microchar_gan.networks.inference import PartialUNet, prepared
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import settings_of

VARIANTS = {
    "default": {},
    "two levels": {"depth": 2},
    "dense kernels": {"kernel_impl": "dense"},
    "dilated kernels": {"kernel_impl": "dilated"},
    "batch norm": {"norm": "batch", "norm_within": True},
    "renorm": {"norm": "renorm", "norm_within": True},
    "no norm": {"norm": "none"},
    "logits normalised": {"logit_scale": 4.0},
    "plain rectifiers": {"slope": 0.0},
    "no residuals": {"residual": False},
    "bare": {"mhfa_kernels": (), "msca_kernels": (), "cbam": False},
    "MHFA of 5³ and 7³": {"mhfa_kernels": (5, 7)},
}
#: Well inside, so that every stage is made without its neighbours; at a corner; a slab; everything.
BOXES = {
    "inside": ((14, 18), (13, 19), (14, 17)),
    "corner": ((0, 3), (27, 32), (14, 17)),
    "slab": ((14, 18), (0, 32), (0, 32)),
    "whole": ((0, 32), (0, 32), (0, 32)),
}


def network(double=True, **changes):
    torch.manual_seed(3)
    plain = {"width": 4, "depth": 1, "msca_levels": 1, "norm": "renorm", "logit_scale": 0.0}
    made = UNet(settings_of("default", plain | changes), channels=2, phases=2).eval().requires_grad_(False)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm3d):  # frozen statistics that do something
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made.double() if double else made


def noise(n, double=True):
    drawn = torch.randn(1, 2, n, n, n, generator=torch.Generator().manual_seed(1))
    return drawn.double() if double else drawn


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("box", ["inside", "corner"])
def test_a_part_is_that_of_the_whole(changes, box):
    box = tuple(slice(*one) for one in BOXES[box])
    double = "logit_scale" not in changes  # whose normalisation is in single precision, as all logits are at the end
    net, given = network(double, **changes), noise(32, double)
    with torch.inference_mode():
        whole, part = net(given), PartialUNet(net)(given, box)
    atol = (2e-7 if double else 2e-5) * float(whole.std())
    torch.testing.assert_close(part, whole[(..., *box)], rtol=2e-7 if double else 0, atol=atol)
    assert whole.std() > 1e-3


@pytest.mark.parametrize("box", BOXES)
def test_single_precision_rounds_as_any_other_order_of_sums_does(box):
    box = tuple(slice(*one) for one in BOXES[box])
    net, given = network(False, depth=2), noise(32, False)
    with torch.inference_mode():
        whole, part = net(given), PartialUNet(net)(given, box)
    torch.testing.assert_close(part, whole[(..., *box)], rtol=0, atol=2e-5 * float(whole.std()))


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_the_reach_of_a_stage_is_how_far_a_number_that_is_none_gets(changes):
    stage = network(**changes).stages[-1]
    channels = stage.fuse.out_channels
    for lies in ("coarse", "skip"):
        given = {
            "coarse": torch.randn(1, 2 * channels, 18, 18, 18).double(),
            "skip": torch.randn(1, channels, 36, 36, 36).double(),
        }
        given[lies][0, 0, 9, 9, 9] = torch.nan
        with torch.inference_mode():
            seen = stage(given["coarse"], given["skip"]).isnan()[0].any(dim=0).any(dim=0).any(dim=0).nonzero().flatten()
        # A coarse voxel is two fine ones.
        first, last = (18, 19) if lies == "coarse" else (9, 9)
        reach = int(stage.reach) if lies == "coarse" else int(stage.reach) - 1
        assert (int(seen.min()), int(seen.max())) == (first - reach, last + reach)


def test_the_number_of_threads_changes_nothing():
    net = prepared(network(False, depth=2))
    before = torch.get_num_threads()
    try:
        made = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                made.append(net(noise(24, False)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])


def test_the_network_is_not_modified():
    net = network(norm="batch")
    before = {key: value.clone() for key, value in net.state_dict().items()}
    PartialUNet(net)
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_the_estimate_of_memory_grows_with_the_part():
    part = PartialUNet(network(depth=2))
    inside, slab = (
        part.bytes_needed((32,) * 3, tuple(slice(*one) for one in BOXES[key])) for key in ("inside", "slab")
    )
    assert 0 < inside < slab < part.bytes_needed((32,) * 3, (slice(0, 32),) * 3)
