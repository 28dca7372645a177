"""The presets as a page of the documentation: meaning and values of each setting, and weights of the networks."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from tables import list_table


def write_presets(path: Path) -> None:
    """Write the page, which is included after its first three lines."""
    import torch

    from microchar_gan.networks.building import build
    from microchar_gan.networks.critic import SliceCritic
    from microchar_gan.settings import PRESETS, Settings, settings_of

    presets = {preset: settings_of(preset, {}) for preset in PRESETS}
    default = presets["default"]
    rows = [["setting", "meaning", "``default``", "other presets"]]
    for field in fields(Settings):
        usual = getattr(default, field.name)
        others = {preset: getattr(settings, field.name) for preset, settings in presets.items()}
        differing = [f"``{preset}`` {written(value)}" for preset, value in others.items() if value != usual]
        rows.append([f"``{field.name}``", field.metadata["meaning"], written(usual), "; ".join(differing)])
    weights = [["preset", "weights of the generator, two phases", "weights of the critic"]]
    with torch.device("meta"):
        for preset, settings in presets.items():
            networks = build(settings, 2), SliceCritic(settings, 2)
            counts = [sum(weight.numel() for weight in network.parameters()) for network in networks]
            weights.append([f"``{preset}``", *(f"{count:,}".replace(",", " ") for count in counts)])
    lines = [":orphan:", "", ".. Written by: python benchmarks/gan page", "", *list_table(rows), *list_table(weights)]
    path.write_text("\n".join(lines), encoding="utf-8")


def written(value: Any) -> str:
    """Return the value of a setting as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
