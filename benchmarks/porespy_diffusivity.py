"""Berea 100³ by porespy, corrected for its end condition, beside ours; needs `pip install openpnm`.

porespy fixes the concentration at the centres of the end voxels; see the theory page of effective diffusivity.
"""

from __future__ import annotations

import os
from pathlib import Path

import porespy
import tifffile

from microchar.diffusion import solve

DATA = Path(os.environ.get("MICROCHAR_DATA", Path(__file__).parents[2] / "shared" / "data"))
N = 100

pores = (tifffile.imread(DATA / "berea.tif") == 0)[:N, :N, :N]
for axis in range(3):
    faces = {"inlets": porespy.generators.faces(pores.shape, inlet=axis)}
    faces["outlets"] = porespy.generators.faces(pores.shape, outlet=axis)
    percolating = porespy.filters.trim_nonpercolating_paths(pores, **faces)
    theirs = percolating.mean() / porespy.simulations.tortuosity_fd(im=pores, axis=axis).tortuosity
    ends = sum(0.5 / percolating.take(place, axis).mean() for place in (0, -1))
    ours = solve(pores.astype("uint8"), (0, 1), axis=axis, tolerance=1e-5).value
    print(f"axis {axis}: porespy {theirs:.5f}, corrected {N / ((N - 1) / theirs + ends):.5f}, ours {ours:.5f}")
