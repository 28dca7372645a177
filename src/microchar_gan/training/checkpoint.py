"""Checkpoints: one safetensors file that holds all that an exact continuation of a training needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.files import whole_file

FORMAT = 1
NAME = "checkpoint.safetensors"
_KEY = "microchar_gan"


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write the checkpoint of a folder, replacing an earlier one; a failure leaves the earlier one intact."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    metadata = {_KEY: json.dumps({"format": FORMAT, "torch": torch.__version__, **about})}
    try:
        with whole_file(folder / NAME) as temporary:
            save_file(plain, temporary, metadata)
    except SafetensorError as error:
        raise InputError(f"{folder / NAME}: cannot be written ({error}); is there room on the disk?") from error


def load_checkpoint(folder: Path, expected: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the checkpoint of a folder.

    Parameters
    ----------
    folder : Path
    expected : dict
        Entries of `about` that must be unchanged since the checkpoint was written: settings, data, seed.

    Returns
    -------
    tensors, about

    Raises
    ------
    InputError
        If there is no checkpoint, or it is damaged or of another training.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / NAME
    if not path.is_file():
        raise InputError(
            f"{path}: no such file, so there is nothing to resume; remove the folder and fit without --resume"
        )
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            version = about.get("format") if isinstance(about, dict) else None
            if version != FORMAT:
                raise InputError(
                    f"{path}: checkpoint format {version!r}, this microchar reads format {FORMAT}; "
                    "fit again without --resume"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: damaged, or no checkpoint ({error}); fit again without --resume") from error
    for key, value in expected.items():
        if about.get(key) != value:
            raise InputError(
                f"{path}: belongs to another training ({key}: {_differences(about.get(key), value)}); "
                "repeat the original command, or fit into another file"
            )
    return tensors, about


def _differences(before: Any, now: Any) -> str:
    """Describe the two values; of settings, only those that differ."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return f"was {before!r}, now {now!r}"
    unlike = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return ", ".join(f"{key} was {before.get(key)!r}, now {now.get(key)!r}" for key in unlike)
