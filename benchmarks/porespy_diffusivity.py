"""Compare the effective diffusivity of Berea 100³ by PoreSpy with that by microchar; needs `pip install openpnm`.

PoreSpy fixes the concentration at the centres of the end voxels, so that its value is corrected for this; see the
theory page of effective diffusivity.
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
    by_porespy = percolating.mean() / porespy.simulations.tortuosity_fd(im=pores, axis=axis).tortuosity
    ends = sum(0.5 / percolating.take(end, axis).mean() for end in (0, -1))
    by_microchar = solve(pores.astype("uint8"), (0, 1), axis=axis, tolerance=1e-5).value
    corrected = N / ((N - 1) / by_porespy + ends)
    print(f"axis {axis}: porespy {by_porespy:.5f}, corrected {corrected:.5f}, ours {by_microchar:.5f}")
