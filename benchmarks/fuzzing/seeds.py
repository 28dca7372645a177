"""Valid inputs of every kind, small enough that thousands of copies are read in a minute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import microchar as mc

#: What is done with a file: measured in the cheapest way, as the command line does it.
MEASURE = ["measure", "{}", "--metrics", "volume_fraction", "--format", "json", "-o", "out", "--quiet"]
RAW = [*MEASURE, "--shape", "6,7,8", "--dtype", "uint8"]
GENERATE = ["generate", "{}", "--shape", "12,12,12", "-o", "out", "--quiet"]
REPORT = ["report", "{}", "-o", "out", "--quiet"]
FIT = ["fit", "gaussian-field", "{}", "-o", "out.safetensors", "--quiet"]
#: Generators whose model files are edited.
MODELS = ("shuffle", "bootstrap", "overlapping-spheres", "gaussian-field", "annealing", "multiple-point")


@dataclass
class Seed:
    """A valid input.

    Parameters
    ----------
    kind : str
        Row of the table: the format, "model", "results" or "command".
    name : str
        Name of the file.
    words : list of str
        Command line; ``{}`` stands for the file.
    content : bytes
        Of the file.
    tree : object
        What is edited instead of the bytes: parsed JSON.
    beside : mapping of str to bytes
        Other files, where the input is a folder. The name is then that of a file in it.
    arrays : mapping of str to ndarray
        Of a model file.
    options : list of str
        Options that the edits of a command line add.
    """

    kind: str
    name: str
    words: list[str]
    content: bytes = b""
    tree: Any = None
    beside: Mapping[str, bytes] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)


def volume() -> np.ndarray:
    """Return two phases, 0 and 255, of unlike fractions along no axis alike."""
    return (np.random.default_rng(1).random((6, 7, 8)) < 0.4).astype(np.uint8) * 255


def make_seeds(folder: Path) -> list[Seed]:
    """Write all valid files into a folder, and return them with the command lines."""
    for name, write in _writers().items():
        write(folder / name)
    seeds = []
    for path in sorted(folder.iterdir()):
        kind = path.name.partition(".")[2]
        if path.is_dir():
            seeds += _of_folder(kind, path)
            continue
        words = RAW if kind == "raw" else MEASURE
        # Three formats hold the time of writing or a random number; the same case must have the same content.
        content = re.sub(
            rb"on 20\d\d-.*GMT|on: .{20,24}|urn:uuid:[\w-]+", lambda match: b"x" * len(match[0]), path.read_bytes()
        )
        seeds.append(Seed(kind, path.name, words, content))
    return [*seeds, *_models(folder), *_results(folder), *_commands()]


def _of_folder(kind: str, folder: Path) -> list[Seed]:
    files = {f"{folder.name}/{path.relative_to(folder)}": path for path in sorted(folder.rglob("*")) if path.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items()}
    return [
        Seed(kind, name, MEASURE, content, beside={other: contents[other] for other in contents if other != name})
        for name, content in contents.items()
    ]


def _writers() -> dict[str, Callable[[Path], Any]]:
    import imagecodecs
    import scipy.io
    import tifffile

    grey = volume()
    of_phases = mc.as_volume(grey, voxel_size="2um")
    stack = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    writers: dict[str, Callable[[Path], Any]] = {
        "u1.npy": lambda path: np.save(path, grey),
        "f4.npy": lambda path: np.save(path, grey.astype(np.float32)),
        "u8.npy": lambda path: np.save(path, np.asfortranarray(grey.astype(np.uint64) << np.uint64(55))),
        "one.npz": lambda path: np.savez(path, grey),
        "small.npz": lambda path: np.savez_compressed(path, grey),
        "imagej.tif": lambda path: mc.write_volume(of_phases, path),
        "ome.tif": lambda path: mc.write_volume(mc.as_volume(grey.astype(np.int32), voxel_size="2um"), path),
        "strips.tif": lambda path: tifffile.imwrite(path, grey, rowsperstrip=2, **stack),
        "deflate.tif": lambda path: tifffile.imwrite(path, grey, compression="zlib", **stack),
        "tiles.tif": lambda path: tifffile.imwrite(path, grey, tile=(16, 16), compression="lzw", **stack),
        "big.tif": lambda path: tifffile.imwrite(path, grey, bigtiff=True, byteorder=">", **stack),
        "plane.png": lambda path: path.write_bytes(imagecodecs.png_encode(grey[0])),
        "plane.jpg": lambda path: path.write_bytes(imagecodecs.jpeg_encode(grey[0], level=95)),
        "plane.bmp": lambda path: path.write_bytes(imagecodecs.bmp_encode(grey[0])),
        "c.raw": lambda path: path.write_bytes(grey.tobytes()),
        "five.mat": lambda path: scipy.io.savemat(path, {"grey": grey}, do_compression=True),
    }
    for suffix in ("h5", "nrrd", "vti", "zarr"):
        writers[f"v.{suffix}"] = lambda path: mc.write_volume(of_phases, path)
    return writers | {"v.mha": _write_itk, "v.nii": _write_itk, "v.nii.gz": _write_itk, "v.slices": _write_slices}


def _write_itk(path: Path) -> None:
    import SimpleITK

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume()), str(path))


def _write_slices(path: Path) -> None:
    import imagecodecs

    path.mkdir()
    for number, plane in enumerate(volume()):
        (path / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))


def _models(folder: Path) -> list[Seed]:
    from safetensors.numpy import load

    real = mc.as_volume((np.random.default_rng(2).random((12, 12, 12)) < 0.4).repeat(2, 0).repeat(2, 1).repeat(2, 2))
    seeds = []
    for name in MODELS:
        path = folder / f"{name}.safetensors"
        mc.create_generator(name).fit(real).save(path)
        content = path.read_bytes()
        about = json.loads(
            json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]["microchar"]
        )
        seeds.append(Seed("model", path.name, GENERATE, content))
        seeds.append(Seed("model", path.name, GENERATE, content, about, arrays=load(content)))
        path.unlink()
    return seeds


def _results(folder: Path) -> list[Seed]:
    metrics = ["volume_fraction", "two_point_correlation", "effective_diffusivity", "triple_phase_boundary", "ssim"]
    real, fake = (mc.as_volume(array, name=name) for array, name in ((volume(), "real"), (volume()[::-1], "fake")))
    single = mc.measure(real, metrics[:3], r_max=2).record()
    pair = mc.compare(real, [fake], metrics=metrics, r_max=2).record()
    seeds = []
    for name, record, words in (("one.json", single, REPORT), ("two.json", pair, REPORT), ("fit.json", single, FIT)):
        record.write(folder / name)
        content = (folder / name).read_bytes()
        seeds.append(Seed("results", name, words, content))
        # Edits of the tree reach more than edits of bytes, which mostly end as no JSON.
        seeds += [Seed("results", name, words, content, json.loads(content))] * 3
        (folder / name).unlink()
    return seeds


def _commands() -> list[Seed]:
    reading = ["--voxel-size", "--phases", "--threshold", "--crop", "--shape", "--dtype", "--offset", "--outside"]
    reading += ["--resample", "--mask"]
    measuring = ["--metrics", "--skip", "--r-max", "--window", "--periodic", "--set", "--deff-tolerance"]
    measuring += ["--deff-axes", "--deff-phases", "--format", "--grey", "--label", "--threads"]
    making = ["--shape", "--periodic", "--seed", "-n", "--radius", "--volume-fraction", "--spheres", "--set"]
    fields = ["--correlation-length", "--volume-fraction", "--smoothness", "--covariance", "--exact-fraction"]
    cheap = ["--metrics", "volume_fraction,effective_diffusivity,two_point_correlation", "--format", "json"]
    out = ["-o", "out", "--quiet"]
    lines = [
        (["measure", "a.tif", *cheap, *out], reading + measuring),
        (["measure", "a.npy", *cheap, *out], reading + measuring),
        (["measure", "c.raw", "--shape", "6,7,8", "--dtype", "uint8", *cheap, *out], reading),
        (["report", "a.tif", "a.npy", *cheap, *out], reading + measuring),
        (["generate", "overlapping-spheres", "--shape", "8,8,8", "--radius", "2", *out], making),
        (["generate", "gaussian-field", "--shape", "8,8,8", "--correlation-length", "2", *out], making[:4] + fields),
        (["fit", "shuffle", "a.tif", "-o", "out.safetensors", "--quiet"], [*reading, "--seed", "--set", "--slices"]),
        (["fit", "bootstrap", "a.tif", "--block", "3", "-o", "out.safetensors", "--quiet"], [*reading, "--block"]),
        (["fit", "multiple-point", "a.tif", "-o", "out.safetensors", "--quiet"], ["--patch", "--overlap", "--set"]),
        (["fit", "annealing", "a.tif", "-o", "out.safetensors", "--quiet"], ["--r-max", "--start", "--tolerance"]),
        (
            ["rank", "a.tif", "a.npy", "--shape", "3,3,3", "--metrics", "volume_fraction", "--quiet"],
            [*reading, "-n", "--seed", "--raw-shape", "--threads", "--metrics"],
        ),
        (["generators", "shuffle"], ["--set"]),
        (["metrics", "--help"], ["--set"]),
    ]
    return [Seed("command", words[0], words, options=options) for words, options in lines]
