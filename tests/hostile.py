"""What a hostile notebook's process might do if it got past `why_not`: stands in for `submission.work` in tests."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import time

from submission import apart, fence


class Loaded:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def ends(connection, *_):
    os._exit(0)


def no_json(connection, *_):
    connection.send_bytes(b"{'state': ")
    time.sleep(60)


def half_a_message(connection, *_):
    os.write(connection.fileno(), bytes([0, 0, 1, 0]) + b"{")
    time.sleep(60)


def pickles(connection, cells, *_):
    connection.send_bytes(pickle.dumps(Loaded(f"touch {cells[0]}")))
    time.sleep(60)


def floods(connection, *_):
    while True:
        connection.send_bytes(b'{"state": "answer", "marks": "right"}')


def no_answer(connection, *_):
    while True:
        connection.send_bytes(b"[]")


def too_large(connection, *_):
    connection.send_bytes(b"[" + b"1," * 20_000_000 + b"1]")
    time.sleep(60)


def leaves_a_child(connection, cells, *_):
    apart()
    if os.fork() == 0:
        time.sleep(2)
        open(cells[0], "w").close()
    os._exit(0)


def tries_everything(connection, cells, *_):
    """Sends, as the note of its answer, what the fence let through."""
    target = cells[0]
    open(target, "w").close()
    apart()
    fence()
    tries = dict(
        write=lambda: open(target, "a"),
        low=lambda: os.open(target, os.O_RDWR),
        read=lambda: open(target),
        remove=lambda: os.remove(target),
        rename=lambda: os.rename(target, f"{target}.new"),
        shell=lambda: os.system("true"),
        program=lambda: subprocess.run(["true"]),
        fork=lambda: os.fork() or os._exit(0),
        kill=lambda: os.kill(os.getppid(), signal.SIGTERM),
        network=lambda: socket.create_connection(("127.0.0.1", 9)),
        memory=lambda: bytearray(10**11),
    )
    through = []
    for name, attempt in tries.items():
        with contextlib.suppress(PermissionError, MemoryError):
            attempt()
            through.append(name)
    note = ", ".join(through) or "nothing"
    connection.send_bytes(f'{{"state": "refused", "name": "x", "note": "{note} went through"}}'.encode())
    time.sleep(60)
