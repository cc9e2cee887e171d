"""The devices and machines that a run of train.py has, and what all its processes must agree on."""

import json
import os
import socket
import time
import zlib

import numpy as np
import tensorflow as tf

from arguments import require

PATIENCE = 5  # seconds in which one that knocks must say who it is; a machine says it at once


def strategy_of(args):
    """The tf.distribute strategy for what this process has: one device, several, or several machines.

    `args` has `devices`, `workers` and `index`. Raises ValueError, in one line.
    """
    if args.workers or "TF_CONFIG" in os.environ:
        return _with_other_machines(args)
    gpus, cpus = tf.config.list_physical_devices("GPU"), tf.config.list_physical_devices("CPU")
    count = args.devices or len(gpus) or 1
    if count == 1:
        return tf.distribute.get_strategy()
    if count <= len(gpus):
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)])
    try:
        tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:  # TensorFlow runs already
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise ValueError(f"--devices is {count}, but this process began with fewer; start another.") from None
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def _with_other_machines(args):
    """The strategy of several machines: those of --workers, else those that TF_CONFIG names."""
    resolver = None  # TensorFlow then reads TF_CONFIG itself
    if args.workers:
        addresses, place = args.workers.split(","), args.index
        cluster = tf.train.ClusterSpec(dict(worker=addresses))
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, "", "worker", place, rpc_layer="grpc")
    else:
        addresses, place = places(os.environ["TF_CONFIG"])
        if args.devices:
            raise ValueError(f"--devices is {args.devices}, but TF_CONFIG is set: a machine uses all that it has.")
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        fits = host and port.isdecimal() and 0 < int(port) < 2**16
        require(fits, "the address of a machine", address, "host:port, with a port from 1 to 65535")
    require(0 <= place < len(addresses), "the place of this machine", place, f"0 to {len(addresses) - 1}")
    print(f"joins {', '.join(addresses)} as number {place} and waits until all are there", flush=True)
    meet(addresses, place)
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


def places(text):
    """The host:port of all processes that TF_CONFIG names, and the place of this one among them. Raises ValueError."""
    try:
        config = json.loads(text)
        cluster, kind, index = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"TF_CONFIG is {text!r}; allowed: a JSON object with cluster and task.") from None
    if kind not in ("chief", "worker"):
        raise ValueError(f"TF_CONFIG is set, for a {kind!r}; allowed: a chief or a worker.")
    return [*chiefs, *workers], index if kind == "chief" else len(chiefs) + index


def meet(addresses, place):
    """Returns once all processes are there, which knock at the port of the first.

    Only then does the engine start, for it would wait outside of Python, where Ctrl-C and SIGTERM do nothing.
    """
    host, port = addresses[0].rsplit(":", 1)
    if place == 0:
        guests, expected = {}, {str(other).encode() for other in range(1, len(addresses))}
        with socket.create_server(("", int(port))) as server:
            while len(guests) < len(expected):
                guest, _ = server.accept()
                guest.settimeout(PATIENCE)
                try:
                    place_of_guest = guest.recv(8)
                except OSError:  # it hung up, or it holds the line and says nothing
                    continue
                if place_of_guest in expected:  # else a stranger, or one that was killed
                    guests[place_of_guest] = guest  # one that came again counts once
        for guest in guests.values():
            with guest:
                guest.sendall(b"come")
        return
    while True:
        try:
            with socket.create_connection((host, int(port))) as first:
                first.sendall(str(place).encode())
                if first.recv(4) == b"come":
                    return
        except OSError:  # the first is not there yet
            pass
        time.sleep(0.2)


def everywhere(strategy, number):
    """The whole number that each replica's process holds, (replicas,)."""
    held = strategy.run(tf.function(lambda: tf.constant([number], tf.int64)))
    return strategy.gather(held, axis=0).numpy()


def refuse_differences(strategy, settings, step):
    """Raises ValueError in every process, unless all have the same settings and are at the same step."""
    if len(set(everywhere(strategy, zlib.crc32(json.dumps(settings).encode())))) > 1:
        raise ValueError("the processes were started with different settings; give the same command on all machines.")
    steps = everywhere(strategy, step)
    if len(set(steps)) > 1:
        found = f"checkpoints of steps {', '.join(str(one) for one in sorted(set(steps)))}"
        raise ValueError(f"the machines found {found} in --out; allowed: one folder that all of them share.")


def share(table, process, processes):
    """The columns of a (steps, batch) table that one process reads: each image goes to exactly one."""
    return np.split(table, processes, axis=1)[process]
