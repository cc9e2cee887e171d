"""What is timed takes turns: a slow minute of the machine falls on all, and their ratios stay honest."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from export import tensorflow_module
from recipe import progress


def call_on_noise(function, *shapes, low=-2, high=2):
    """Compiles `function` of tensors of these shapes; returns a call without arguments that runs it on noise."""
    tf = tensorflow_module()
    inputs = [tf.random.uniform(shape, low, high) for shape in shapes]
    call = tf.function(function, autograph=False).get_concrete_function(*inputs)
    return lambda: call(*inputs)


def take_turns(calls, rounds=5, span=0.1, label=""):
    """Times functions without arguments in turns. Returns an array (functions, rounds) of seconds per call.

    In each round each is called for `span` seconds, at least once. With a `label` it prints how far it is.
    """
    times, start = np.empty((len(calls), rounds)), time.perf_counter()
    for j in range(rounds):
        for i, call in enumerate(calls):
            if j == 0 or times[i, j - 1] < span:  # a short call starts with the caches that the others left behind
                call()
            times[i, j] = seconds_of(call, span)
        if label:
            progress(f"{label}  round {j + 1}/{rounds}", start, (j + 1) / rounds)
            print(end="\n" if j + 1 == rounds else "")
    return times


def seconds_of(call, span):
    """Seconds of one call, the mean over `span` seconds of them."""
    begin, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - begin < span:
        call()
        count += 1
    return (time.perf_counter() - begin) / count


def quartiles(name, values, digits=4):
    """Median and quartiles over rounds, three columns of a table, as a dict."""
    low, median, high = (round(float(q), digits) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return {f"{name}_median": median, f"{name}_low": low, f"{name}_high": high}


def summary(seconds):
    """Seconds (rounds,) as milliseconds, and how many rounds they are, as a dict."""
    return quartiles("ms", 1000 * seconds) | dict(rounds=len(seconds))


def ratios(seconds, reference, digits=4):
    """Seconds (rounds,) divided by those of the reference in the same round, as a dict."""
    return quartiles("ratio", seconds / reference, digits)


def machine():
    """Two calls that tell what all cores can do, a matrix product and a copy, and the work in each of them."""
    tf, n, cores = tensorflow_module(), 1536, os.cpu_count()
    big, empty = np.ones(2**25, "float32"), np.empty(2**25, "float32")
    pool = ThreadPoolExecutor(cores)
    source, target = np.array_split(big, cores), np.array_split(empty, cores)

    def copy():
        list(pool.map(np.copyto, target, source))  # numpy lets go of the interpreter, so the cores do copy at once

    return [call_on_noise(tf.matmul, (n, n), (n, n)), copy], [n**3, 2 * big.nbytes]


def speeds(times, work):
    """Billions of multiply-adds and of bytes per second, in the median round, as a dict. times: seconds (2, rounds)."""
    rates = [float(amount / np.median(row) / 1e9) for row, amount in zip(times, work)]
    return dict(peak_gmacs_s=round(rates[0], 1), copy_gb_s=round(rates[1], 2))
