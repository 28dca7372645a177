"""Devices and precisions: their choice, and modules brought to them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from microchar.core.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


def choose_device(wanted: Device) -> torch.device:
    """Return the device of that name; "auto" stands for the fastest one present.

    Raises
    ------
    InputError
        If PyTorch finds no such device here.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, is_present in present.items() if is_present))
    if wanted not in present:
        raise InputError(f"device={wanted!r}: expected auto, {', '.join(present)}")
    if not present[wanted]:
        raise InputError(
            f"device={wanted!r}: PyTorch {torch.__version__} finds no such device here; "
            "use device='auto' (--device auto), which takes the one present, or install a PyTorch built for it"
        )
    return torch.device(wanted)


Module = TypeVar("Module", bound=nn.Module)


def to_device(module: Module, device: torch.device, order: torch.memory_format) -> Module:
    """Move a module to a device and store its weights in the memory format that convolutions are fastest with."""
    return module.to(device).to(memory_format=order)  # type: ignore[call-overload]


def runs_half(wanted: Precision, device: torch.device) -> bool:
    """Return whether convolutions run in bfloat16; "auto" uses it where the hardware multiplies it."""
    if wanted == "bfloat16" and device.type == "mps":
        raise InputError("precision='bfloat16': PyTorch has no such 3D convolutions on mps; use 'auto' or 'float32'")
    if wanted != "auto":
        return wanted == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def exact_float32(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which float32 convolutions do not round to TensorFloat-32, the default on CUDA devices."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )


def describe(device: torch.device, half: bool) -> str:
    """Return device, threads and precision as text, for the record of a fit."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}, {torch.get_num_threads()} threads, {'bfloat16' if half else 'float32'}"
