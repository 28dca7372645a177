"""Trained models that come with the package; how each was trained is in the documentation (``docs/gan.rst``)."""

from __future__ import annotations

from microchar.model_library import BundledModel


def _model(file: str, title: str, summary: str) -> BundledModel:
    return BundledModel(
        generator="unet-gan", package="microchar_gan", file=f"models/{file}.safetensors", title=title, summary=summary
    )


BEREA = _model("berea", "Berea sandstone", "Berea sandstone, pores (0) and grains (255) of a micro-CT scan")
