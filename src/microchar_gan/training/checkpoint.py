"""Checkpoints of a training: one safetensors file, written whole or not at all, from which it goes on exactly."""

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
    """Write the checkpoint of a folder, in place of the one that may be there."""
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
        What must be as it was when the checkpoint was written: settings, data, seed.

    Returns
    -------
    tensors, about

    Raises
    ------
    InputError
        If there is none, it is damaged, or of another training.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file, nothing to resume; remove the folder and fit without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            version = about.get("format") if isinstance(about, dict) else None
            if version != FORMAT:
                raise InputError(
                    f"{path}: checkpoint format {version!r}, this microchar goes on from format {FORMAT}; fit anew"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: damaged, or no checkpoint ({error}); fit anew") from error
    for key, value in expected.items():
        if about.get(key) != value:
            raise InputError(
                f"{path}: of another training ({key}: {_differences(about.get(key), value)}); "
                "give what it was begun with, or fit anew into another file"
            )
    return tensors, about


def _differences(before: Any, now: Any) -> str:
    """Say what was and what is; of many settings, those that differ."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return f"was {before!r}, now {now!r}"
    unlike = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return ", ".join(f"{key} was {before.get(key)!r}, now {now.get(key)!r}" for key in unlike)
