"""downloads.py, and the cache that datasets.py fills with it: whole and verified files, whoever interrupts or competes.

A server of ours stands in for the authors'. Processes are real ones. No test touches the network.
"""

import gzip
import hashlib
import io
import multiprocessing
import os
import pickle
import signal
import tarfile
import tempfile
import warnings

import numpy as np
import pytest

import datasets
import downloads
from served import serving

LOADERS = [("cifar10", (32, 32, 3)), ("fashion_mnist", (28, 28, 1))]
TRAIN = [f"data_batch_{i}" for i in range(1, 6)]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def packed(members):
    """A .tar.gz of {name: bytes}, or {name: (type, target)} for a link or a device."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                tar.addfile(member)
    return buffer.getvalue()


def cifar10_files(random):
    """The archive with two images a batch, written image by image, and what is in it."""
    members, data = {}, []
    for part in (TRAIN, ["test_batch"]):
        x, y = [], []
        for name in part:
            content = b""
            for _ in range(2):
                image, label = random.integers(0, 256, (32, 32, 3), np.uint8), int(random.integers(10))
                planes = b"".join(image[:, :, channel].tobytes() for channel in range(3))
                content += bytes([label]) + planes
                x.append(image)
                y.append(label)
            members[f"cifar-10-batches-bin/{name}.bin"] = content
        data.append((np.array(x), np.array(y)))
    return {"cifar-10-binary.tar.gz": packed(members)}, tuple(data)


def fashion_mnist_files(random):
    files, data = {}, []
    for name, n in (("train", 3), ("t10k", 2)):
        x, y = random.integers(0, 256, (n, 28, 28, 1), np.uint8), random.integers(0, 10, n)
        files[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(b"h" * 16 + x.tobytes())
        files[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(b"h" * 8 + y.astype(np.uint8).tobytes())
        data.append((x, y))
    return files, tuple(data)


@pytest.fixture(params=LOADERS, ids=[name for name, _ in LOADERS])
def site(request, tmp_path, monkeypatch):
    """(the server, the data set's name, what is in it), an empty cache, and a temporary folder of its own."""
    name, _ = request.param
    files, data = dict(cifar10=cifar10_files, fashion_mnist=fashion_mnist_files)[name](np.random.default_rng(4))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    in_order = b"".join(part.astype(np.uint8).tobytes() for split in data for part in split)
    monkeypatch.setitem(downloads.DIGESTS, name, hashlib.sha256(in_order).hexdigest())
    if archive := files.get("cifar-10-binary.tar.gz"):
        monkeypatch.setattr(downloads, "CIFAR10_SHA256", hashlib.sha256(archive).hexdigest())
    with serving(files) as server:
        monkeypatch.setitem(downloads.SOURCES, name, (server.address, list(files)))
        yield server, name, data


def assert_all(found, data):
    for (x, y), (expected_x, expected_y) in zip(found, data, strict=True):
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(y, expected_y)
        assert y.dtype == np.int64 and x.dtype == np.uint8 and x.flags.writeable and y.flags.writeable


def complete(name):
    return datasets.complete(name, dict(LOADERS)[name])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- one process


def test_a_download_is_read_kept_and_never_asked_for_again(site, tmp_path):
    server, name, data = site
    assert_all(complete(name), data)
    asked = len(server.asked)
    assert_all(complete(name), data)
    assert len(server.asked) == asked == len(server.files)
    assert f"{name}.npz" in names_in(tmp_path / "cache") and not names_in(tmp_path / "temporary")


def test_other_images_are_refused_and_not_kept(site, tmp_path, monkeypatch):
    _, name, _ = site
    monkeypatch.setitem(downloads.DIGESTS, name, "0" * 64)
    with pytest.raises(ValueError, match=f"the file of {name} is 'http.*the original data only") as error:
        complete(name)
    assert "\n" not in str(error.value) and not (tmp_path / "cache" / f"{name}.npz").exists()


def test_a_download_that_breaks_off_leaves_nothing(site, tmp_path):
    server, name, data = site
    server.cut = True
    with pytest.raises(OSError, match=rf"prepare_data.py {name}.*full=False, which needs no network") as error:
        complete(name)
    assert "\n" not in str(error.value)
    assert not names_in(tmp_path / "temporary") and not (tmp_path / "cache" / f"{name}.npz").exists()
    server.cut = False
    assert_all(complete(name), data)


def test_where_the_cache_cannot_be_written_the_images_come_all_the_same(site, tmp_path, monkeypatch):
    _, name, data = site
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match=f"{name} is downloaded but not kept for the next time") as warned:
        found = complete(name)
    assert_all(found, data)
    assert warned[0].filename == __file__ and not names_in(tmp_path / "temporary")


# ---------------------------------------------------------------- several processes


def load_in_child(name, connection):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `pytest &` ignores it, and so would the child
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connection.send(complete(name))


def begin(name):
    """A process that loads all of a data set, and the end of a pipe that gets it."""
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)
    process = fork.Process(target=load_in_child, args=(name, send))
    process.start()
    send.close()
    return process, receive


@needs_fork
def test_two_at_once_on_a_cold_cache_get_whole_files_of_one_download(site):
    server, name, data = site
    server.goes_on.clear()
    children = [begin(name) for _ in range(2)]
    assert server.halfway.wait(30)
    server.goes_on.set()
    for process, receive in children:
        assert_all(receive.recv(), data)
        process.join(30)
        assert process.exitcode == 0
    assert len(server.asked) == len(server.files)


@needs_fork
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_download_leaves_no_half_file_and_blocks_nobody(site, tmp_path, number):
    server, name, data = site
    server.goes_on.clear()
    process, _ = begin(name)
    assert server.halfway.wait(30)
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode not in (0, None) and not (tmp_path / "cache" / f"{name}.npz").exists()
    if number == signal.SIGINT:  # the others end Python on the spot
        assert not names_in(tmp_path / "temporary")
    server.goes_on.set()
    assert_all(complete(name), data)


# ---------------------------------------------------------------- files of strangers


class Harm:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def hostile_archives(target):
    """{what: a .tar.gz that is not the original}, of which none may be unpacked."""
    inside = "cifar-10-batches-bin/data_batch_1.bin"
    return {
        "a path outside": packed({f"../../{target}": b"x", target: b"x"}),
        "a link": packed({inside: (tarfile.SYMTYPE, "/etc/passwd")}),
        "a hard link": packed({inside: (tarfile.LNKTYPE, "/etc/passwd")}),
        "a device": packed({inside: (tarfile.CHRTYPE, "")}),
        "a bomb": packed({inside: bytes(30_000_000)}),
        "a pickle": packed({inside: pickle.dumps(Harm(target))}),
        "no archive": b"<html>",
        "empty": b"",
    }


@pytest.mark.parametrize("site", LOADERS[:1], indirect=True, ids=["cifar10"])
@pytest.mark.parametrize("kind", hostile_archives(""))
def test_another_archive_is_not_even_opened(site, tmp_path, monkeypatch, kind):
    server, name, _ = site
    server.files["cifar-10-binary.tar.gz"] = hostile_archives(str(tmp_path / "harm"))[kind]
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(ValueError, match="the archive of cifar10 is .*the original only; get it again") as error:
        complete(name)
    assert "\n" not in str(error.value) and not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "kind", ["cut", "flipped", "short", "a bomb", "a pickle", "text", "empty", "missing", "a pipe"]
)
def test_other_files_of_fashion_mnist_are_named(tmp_path, kind):
    files, _ = fashion_mnist_files(np.random.default_rng(5))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = file.read_bytes()
    file.unlink()
    if kind == "a pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("needs named pipes")
        os.mkfifo(file)
    elif kind != "missing":
        wrong = {"cut": content[:-9], "flipped": content[:12] + bytes([255]) * 8 + content[20:], "text": b"<html>"}
        wrong |= {"empty": b"", "short": gzip.compress(bytes(16 + 28 * 28 + 1))}
        wrong |= {"a bomb": gzip.compress(bytes(downloads.LARGEST + 28 * 28))}
        wrong |= {"a pickle": gzip.compress(pickle.dumps(Harm(str(tmp_path / "harm"))))}
        file.write_bytes(wrong[kind])
    with pytest.raises(ValueError, match="t10k-images.* cannot be read; allowed: the original file") as error:
        downloads.read_fashion_mnist(tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / "harm").exists()


def test_the_largest_file_of_fashion_mnist_is_not_too_large(tmp_path, monkeypatch):
    assert downloads.LARGEST == 47_040_016  # bytes of the original train-images-idx3-ubyte
    files, data = fashion_mnist_files(np.random.default_rng(6))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(downloads, "LARGEST", 16 + 3 * 28 * 28)
    assert_all(downloads.read_fashion_mnist(tmp_path), data)
    monkeypatch.setattr(downloads, "LARGEST", 16 + 2 * 28 * 28)
    with pytest.raises(ValueError, match="train-images.* cannot be read"):
        downloads.read_fashion_mnist(tmp_path)


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    assert downloads.sha256(file) == hashlib.sha256(b"abc").hexdigest()
    for none in (tmp_path, tmp_path / "none", "/dev/zero"):
        with pytest.raises(ValueError, match="allowed: a file that exists"):
            downloads.sha256(none)
