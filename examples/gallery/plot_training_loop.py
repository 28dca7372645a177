"""
A training loop that stops early
================================

The loss of a generative network says how well it does what it was told, not whether its volumes resemble the
material. `microchar.HeldOut` measures a part of the material that the network does not see, and scores samples
against it. Here a small network learns to turn noise into a sandstone; the score decides which of its states is kept,
and when to stop.
"""

import io

import torch
from matplotlib import pyplot as plt
from torch import nn

import microchar as mc

torch.manual_seed(0)
berea = mc.datasets.berea()
learnt, held_out = berea.crop((0, 0, 0), (128, 64, 128)), berea.crop((0, 64, 0), (128, 128, 128))
EDGE = 32

# %%
# The network makes a coarse field from white noise, and refines it once. Its loss compares the two-point correlation
# of its volumes with that of blocks of the learnt half; nothing in it knows of connectivity.

network = nn.Sequential(
    *(nn.Conv3d(1, 8, 3), nn.LeakyReLU(0.2), nn.Conv3d(8, 8, 3), nn.LeakyReLU(0.2)),
    *(nn.Upsample(scale_factor=2, mode="trilinear"), nn.Conv3d(8, 8, 3), nn.LeakyReLU(0.2)),
    *(nn.Conv3d(8, 1, 3), nn.BatchNorm3d(1)),
)


def grain(number, noise):
    """Return the probability of grain at each voxel of volumes of shape (number, EDGE, EDGE, EDGE)."""
    coarse = torch.randn((number, 1, *(EDGE // 2 + 6,) * 3), generator=noise)
    return torch.sigmoid(4 * network(coarse)[:, 0])


def correlation(volumes):
    """Return the two-point correlation at vectors of up to 8 voxels along each axis, averaged over volumes."""
    spectrum = torch.fft.rfftn(volumes, dim=(1, 2, 3)).abs().square().mean(dim=0)
    return torch.fft.irfftn(spectrum, s=(EDGE,) * 3)[:9, :9, :9] / EDGE**3


grains = torch.tensor(learnt.values == learnt.grey_values[1], dtype=torch.float32)
blocks = grains.unfold(0, EDGE, EDGE).unfold(1, EDGE, EDGE).unfold(2, EDGE, EDGE).reshape(-1, EDGE, EDGE, EDGE)
target = correlation(blocks)

# %%
# The score needs volumes with the grey values of the real one. The noise is the same each time, so that scores differ
# by the network alone.

judge = mc.HeldOut(held_out, (EDGE,) * 3)


@torch.no_grad()
def samples():
    """Return eight volumes of the network as it is now."""
    grains = grain(8, torch.Generator().manual_seed(1)) > 0.5
    return torch.where(grains, berea.grey_values[1], berea.grey_values[0]).to(torch.uint8)


# %%
# The loop keeps the state with the best score. It ends after two scores without a better one.

weights = io.BytesIO()  # a file, in a real training
optimiser = torch.optim.Adam(network.parameters(), lr=2e-2)
noise = torch.Generator().manual_seed(2)
losses, scores, best, kept, waited = [], {}, float("inf"), None, 0
for step in range(1, 201):
    loss = (correlation(grain(2, noise)) - target).square().mean().sqrt()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
    if step % 10:
        continue
    score = judge.score(samples())
    scores[step] = score
    waited += 1
    if score.total < best:
        best, kept, waited = score.total, samples(), 0
        weights.seek(0)
        torch.save(network.state_dict(), weights)
    if waited == 2:
        break
print(f"stopped after {step} steps; best score {best:.2f}")

# %%
# The loss and the score, with its 95 % interval:

figure, (ax, other) = plt.subplots(2, 1, figsize=(6, 5), sharex=True, layout="constrained")
ax.plot(losses)
ax.set(yscale="log", ylabel="loss")
low, high = zip(*(score.interval for score in scores.values()), strict=True)
other.fill_between(list(scores), low, high, alpha=0.2)
other.plot(list(scores), [score.total for score in scores.values()], "o-")
other.axhline(1, color="gray", linewidth=0.8)
other.set(yscale="log", ylabel="held-out score", xlabel="steps")

# %%
# What it made:

figure, axes = plt.subplots(1, 2, figsize=(6, 3.2), layout="constrained")
for ax, (name, image) in zip(
    axes, {"real": held_out.values[16, :EDGE, :EDGE], "made": kept[0, 16]}.items(), strict=True
):
    ax.imshow(image, cmap="gray")
    ax.set(title=name, xticks=[], yticks=[])
for name, ratio in sorted(scores[step].ratios.items(), key=lambda item: -item[1]):
    print(f"{name:28} {ratio:6.2f}")

# %%
# **What we conclude.** The loss falls steeply at first, and then says little. The score goes on falling for a while,
# and its interval says how much of each step may be chance: a real training is more patient than this page can be.
# The list says what is left. The curves that the loss contains are as near as another piece of the material; the
# largest cluster and the Euler characteristic are not, because nothing told the network how pores connect. A longer
# training would not mend that; another loss might. The best of several scores looks better than it is: judge the
# network at the end by material that chose nothing.
