"""
From generator to 3D print
==========================

A model to hold in the hand shows a student more than a picture does. A generator makes a volume, and its surface goes
to a printer. Is the print faithful: is the surface closed, does it enclose the right volume, and does it hang
together?
"""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import microchar as mc

generator = mc.create_generator("overlapping-spheres", radius=7, volume_fraction=0.45)
grains = mc.as_volume(generator.generate((64, 64, 64), seed=1).values, phases={"pore": 0, "grain": 1}, voxel_size="2um")

# %%
# A phase in several clusters falls apart when it is printed. All grains but a few voxels hang together here:

connected = mc.measure(grains, ["volume_fraction", "largest_cluster_fraction"])
print(connected)

# %%
# The surface is smoothed and reduced to a number of triangles that programs for printing like. It encloses the volume
# of its voxels, and it is closed: every edge has two triangles.

surface = mc.phase_surface(grains, "grain", smooth=20, faces=20_000)
edges = np.sort(surface.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
uses = np.unique(edges, axis=0, return_counts=True)[1]
true_volume = np.count_nonzero(grains.values == 1) * 2**3
print(f"{len(surface.triangles)} triangles in {surface.pieces} closed surfaces, {set(uses.tolist())} at each edge")
print(f"volume {surface.enclosed_volume:.0f} um³ of {true_volume} um³")

figure, ax = plt.subplots(figsize=(6, 6), subplot_kw={"projection": "3d"}, layout="constrained")
corners = surface.points[surface.triangles]
ax.add_collection3d(
    Poly3DCollection(corners, facecolors="#c9b48a", shade=True, lightsource=LightSource(azdeg=225, altdeg=35))
)
ax.set(**{f"{axis}lim": (0, length) for axis, length in zip("xyz", surface.extent, strict=True)})
ax.set(xlabel="x, µm", ylabel="y, µm", zlabel="z, µm", aspect="equal")

# %%
# The file holds millimetres. The longest edge of the volume becomes 80 mm, so a voxel of 2 µm becomes 1.25 mm.

with tempfile.TemporaryDirectory() as folder:
    (file,) = mc.write_surfaces(surface, Path(folder) / "grains.3mf", print_size="80mm")
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")

# %%
# **What we conclude.** The surface is closed and has the volume of its voxels within the accuracy of the file, so a
# program for printing will accept it. The separate surfaces are loose grains and closed cavities: loose grains at the
# sides are cut by the boundary of the volume, and fall off. To print the largest cluster only, label the clusters
# with `scipy.ndimage.label` first. Whether the generator resembles a real rock is another question, which
# :doc:`plot_which_generator` answers.
