"""
A 2D micrograph against slices of a 3D model
============================================

Often the only picture of a material is a section. Does a 3D model agree with it? A 2D image is compared with the slices
of a volume normal to each of its axes; what can only be seen in 3D is left out.

The truth is known here: the image is a slice of the space between overlapping spheres. One model is another volume
of the same kind. The other is a Gaussian random field with the same volume fraction and two-point correlation as the
image.
"""

from matplotlib import pyplot as plt

import microchar as mc

PHASES = {"pore": 0, "solid": 1}


def spheres(seed):
    """Return the space between overlapping spheres; each seed is another piece of the same material."""
    volume = mc.datasets.overlapping_spheres((160, 160, 160), radius=6, void_fraction=0.4, seed=seed)
    return mc.as_volume(volume.values, phases=PHASES, name="spheres")


micrograph = mc.as_volume(spheres(1).values[80], phases=PHASES, name="micrograph")
field = mc.generators.matched_gaussian_field(micrograph, seed=2)

# %%
# TODO

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
