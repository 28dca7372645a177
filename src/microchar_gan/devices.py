"""Where a network runs, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from microchar.core.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


def choose_device(wanted: Device) -> torch.device:
    """Return the device asked for, or the best there is for "auto"; one that is absent is an error."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if wanted not in present:
        raise InputError(f"device={wanted!r}: expected auto, {', '.join(present)}")
    if not present[wanted]:
        raise InputError(
            f"device={wanted!r}: PyTorch {torch.__version__} finds no such device here; "
            "use device='auto' (--device auto), which takes what there is, or install a PyTorch built for it"
        )
    return torch.device(wanted)


Module = TypeVar("Module", bound=nn.Module)


def place(module: Module, device: torch.device, order: torch.memory_format) -> Module:
    """Bring a module to a device, its weights in the order that convolutions there are fastest with."""
    return module.to(device).to(memory_format=order)  # type: ignore[call-overload]


def runs_half(wanted: Precision, device: torch.device) -> bool:
    """Return whether convolutions run in bfloat16: unless told otherwise, where the hardware multiplies it."""
    if wanted == "bfloat16" and device.type == "mps":
        raise InputError("precision='bfloat16': PyTorch has no such 3D convolutions on mps; use 'auto' or 'float32'")
    if wanted != "auto":
        return wanted == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def exact_float32(device: torch.device) -> AbstractContextManager[Any]:
    """Have convolutions of float32 round to float32: graphics processors take TensorFloat-32 unless told otherwise.

    It holds within the context only.
    """
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )


def describe(device: torch.device, half: bool) -> str:
    """Return the kind of machine, for the record."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}, {torch.get_num_threads()} threads, {'bfloat16' if half else 'float32'}"
