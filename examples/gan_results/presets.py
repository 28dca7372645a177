"""The presets as a table of the documentation: every setting, and how many weights the networks have."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tables import list_table

#: Settings that SliceGAN's network has no use for.
UNET_ONLY = (
    "input",
    "noise_channels",
    "depth",
    "mhfa_kernels",
    "msca_kernels",
    "kernel_impl",
    "cbam",
    "norm",
    "norm_within",
    "even_up",
    "skip_start",
    "logit_scale",
    "straight_through",
    "label_noise",
)


def write_presets(path: Path) -> None:
    """Write the table, to be included after its first three lines."""
    import torch

    from microchar_gan.networks.building import build
    from microchar_gan.networks.critic import SliceCritic
    from microchar_gan.settings import PRESETS, Settings, settings_of

    settings = {preset: settings_of(preset, {}) for preset in PRESETS}
    rows = [["", *(f"``{preset}``" for preset in settings)]]
    for field in fields(Settings):
        values = [asdict(one)[field.name] for one in settings.values()]
        # Strong where a preset is not as the default is.
        cells = [written(value) if value == values[0] else f"**{written(value)}**" for value in values]
        if field.name in UNET_ONLY:
            cells = [
                "–" if one.architecture == "slicegan" else cell
                for one, cell in zip(settings.values(), cells, strict=True)
            ]
        rows.append([f"``{field.name}``", *cells])
    with torch.device("meta"):
        networks = [
            (build(one, 2), SliceCritic(2, one.slice_size, one.critic_width, one.critic_norm))
            for one in settings.values()
        ]
    for i, what in enumerate(("generator", "critic")):
        counts = [sum(weight.numel() for weight in pair[i].parameters()) for pair in networks]
        rows.append([f"weights of the {what}, two phases", *(f"{count:,}".replace(",", " ") for count in counts)])
    lines = [":orphan:", "", ".. Written by examples/gan_results.", "", *list_table(rows)]
    path.write_text("\n".join(lines), encoding="utf-8")


def written(value: Any) -> str:
    """Write the value of a setting."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
