"""
Two rocks: the same material or not?
====================================

Two pieces of one rock are never equal. The question is whether two volumes differ by more than pieces of one rock do.
We compare half of a Berea sandstone with its other half, and with a piece of Ketton limestone.
"""

from matplotlib import pyplot as plt

import microchar as mc

berea, ketton = mc.datasets.berea(), mc.datasets.ketton()
reference = berea.crop((0, 0, 0), (64, 128, 128))
candidates = {
    "Berea, other half": berea.crop((64, 0, 0), (128, 128, 128)),
    "Ketton": ketton.crop((0, 0, 0), (64, 128, 128)),
}

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, (name, volume) in zip(axes, {"Berea, one half": reference, **candidates}.items(), strict=True):
    ax.imshow(volume.values[32], cmap="gray")
    ax.set(title=name, xticks=[], yticks=[])

# %%
# The metrics that decide are measured in the same way in all three volumes. Standard errors come from the scatter
# within each volume, and the tests are corrected for their number.

DECIDING = [
    *("volume_fraction", "specific_surface_area", "two_point_correlation", "lineal_path"),
    *("euler_characteristic", "largest_cluster_fraction", "percolating_fraction"),
]
comparison = mc.compare(reference, candidates, DECIDING)
for verdict in comparison.verdicts:
    print(verdict.sentence)

# %%
# Where the rocks differ is seen in the curves. The probability that a straight segment lies in the pores depends on
# how much pore there is; divided by its value at length 0, it shows the shape of the pores alone. The bands are 95 %
# intervals.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for measurement in (comparison.reference, *comparison.candidates):
    path = measurement["lineal_path"].profile(phase="pore", direction="mean")
    curve, half_width = path.y / path.y[0], 1.96 * path.standard_error / path.y[0]
    ax.plot(path.x, curve, label=measurement.volume.name)
    ax.fill_between(path.x, curve - half_width, curve + half_width, alpha=0.2)
ax.set(xlabel="length of the segment, voxels", ylabel=r"$L(r)\,/\,\phi$ of the pores", xlim=(0, 30))
ax.legend()

# %%
# **What we conclude.** Ketton is another material, and the sentence says in which respects. Of the other half of
# Berea, microchar does not say that it is the same: it says which differences a comparison of volumes this small
# would have missed. A piece of 64 × 128 × 128 voxels holds few grains, so this bound is wide. Larger volumes make it
# narrower. Both scans are one sample each of their rock, with one segmentation; the verdict covers neither other
# samples nor other thresholds.
