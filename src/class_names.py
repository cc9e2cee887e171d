"""The names of the classes inside the file of a model: a photo classifier that cannot say "cat" is of little use.

    write_classes("mine.keras", ["cat", "dog"])     into a .keras, .tflite or .onnx file that exists
    read_classes("mine.keras")                      ("cat", "dog")

The names are a JSON list in the order of the outputs, and a program needs nothing of ours to read them:

    .keras    is a zip archive, which gets one more member, classes.json; Keras opens the file as before
    .tflite   gets a zip archive with that member behind its last byte, where LiteRT does not look (TensorFlow Lite's
              own metadata are attached like this: tensorflow.org/lite/models/convert/metadata)
    .onnx     has room for texts: metadata_props, under the key "classes"
"""

import io
import json
import os
import zipfile
from collections.abc import Iterable, Set
from pathlib import Path

from arguments import require
from atomic import write_atomically

MEMBER = "classes.json"
KEY = "classes"
ENDINGS = (".keras", ".tflite", ".onnx")


def write_classes(path: str | os.PathLike, classes) -> None:
    """Puts the names of the classes, in the order of the model's outputs, into its file, in place of those in it.

    `classes`: texts; ImageNet has two of them twice. The file is replaced whole or not at all. Raises ValueError for
    arguments that cannot be used, ImportError for an .onnx file where onnx is not installed.
    """
    ending, content = _checked(path)
    allowed = "one text for each output"
    # the letters of a text are no names, a set has no order
    ordered = isinstance(classes, Iterable) and not isinstance(classes, (str, bytes, Set))
    require(ordered, "classes", classes, f"{allowed}, in a list or tuple")
    classes = list(classes)
    require(classes and all(isinstance(name, str) and name for name in classes), "classes", classes, allowed)
    write = _into_onnx if ending == ".onnx" else _into_zip
    content = write(content, json.dumps(classes, ensure_ascii=False))
    write_atomically(path, lambda file: file.write(content))


def read_classes(path: str | os.PathLike) -> tuple[str, ...] | None:
    """The names that `write_classes` put into a file; None if there are none. Raises ValueError and ImportError."""
    ending, content = _checked(path)
    if ending == ".onnx":
        found = {entry.key: entry.value for entry in _onnx(content).metadata_props}.get(KEY)
        return tuple(json.loads(found)) if found else None
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return tuple(json.loads(archive.read(MEMBER))) if MEMBER in archive.namelist() else None


def _checked(path):
    """The ending of a file, and its bytes."""
    ending = Path(path).suffix if isinstance(path, (str, os.PathLike)) else None
    require(ending in ENDINGS, "path", str(path), f"a file that ends in {', '.join(ENDINGS)}")
    require(Path(path).is_file(), "path", str(path), "a file that exists")
    return ending, Path(path).read_bytes()


def _into_zip(content, text):
    """The file with one more member. A name cannot be written twice into an archive, so it is written anew."""
    members, front = {}, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info: archive.read(info) for info in archive.infolist() if info.filename != MEMBER}
            front = content[: min(info.header_offset for info in archive.infolist())]
    whole = io.BytesIO(front)
    with zipfile.ZipFile(whole, "a") as archive:
        for info, data in members.items():
            archive.writestr(info, data)
        archive.writestr(zipfile.ZipInfo(MEMBER), text)
    return whole.getvalue()


def _into_onnx(content, text):
    model = _onnx(content)
    others = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    model.metadata_props.add(key=KEY, value=text)
    return model.SerializeToString()


def _onnx(content):
    import onnx

    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own kind
        raise ValueError("the .onnx file cannot be read: it is cut off or damaged; save the model again.") from error
