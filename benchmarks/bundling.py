"""Models for the package: of each material that the package has a model of, the fit that was judged best."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from microchar.generation.loading import load_generator
from microchar.generation.models import bundled_models


def bundle(work: Path, materials: Sequence[str], source: Path) -> None:
    """Copy the model with the lowest total into the package, for each material.

    Parameters
    ----------
    work : Path
        Folder of models and results, by material.
    materials : sequence of str
    source : Path
        Folder of the packages.
    """
    for material in materials:
        if material not in bundled_models():
            sys.exit(
                f"{material}: not among the models of the package ({', '.join(bundled_models())}); declare it there"
            )
        declared = bundled_models()[material]
        judged = {
            path.parent: json.loads(path.read_text(encoding="utf-8"))["total"]
            for path in (work / material).glob(f"{declared.generator}-*/result-*.json")
        }
        if not judged:
            sys.exit(f"{work / material}: found no judged fit of {declared.generator}; fit one first, without --bundle")
        best = min(judged, key=lambda folder: judged[folder])
        model = load_generator(best / "model.safetensors")
        # The folder of the scan is private.
        model.history["data"]["path"] = Path(model.history["data"]["path"]).name
        model.save(source / declared.package / declared.file)
        print(f"{best}: total {judged[best]:.2f}, bundled as {declared.file} of {declared.package}")
