"""Command lines in processes of their own, on two devices or as two workers."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

from tests.conftest import ROOT

#: A training of ten steps in two epochs, exact to the bit. At a rate of 0.1 what
#: rounding does grows a hundredfold in them.
SETTINGS = (
    "--depth 10 --widen-factor 1 --data synthetic --limit 200 --epochs 2 "
    "--batch-size 40 --precision float32 --schedule one-cycle --averaging 0.9 "
    "--learning-rate 0.01 --no-save-plot --no-tensorboard --quiet"
)

#: Seconds until a test gives up: processes that start TensorFlow share few cores.
PATIENCE = 900

# What a process does beside the command line: it splits the CPU in two, tells its
# weights after each measurement, is hit by a signal before a step, or has images of
# its own.
PROCESS = """
import os, sys
from dataclasses import replace
import numpy as np
import tensorflow as tf
from wrn import cli
from wrn.jobs import workers
from wrn.data import load_cached
from wrn.training.session import Session

logical, dump, struck_at, signal, inverted = sys.argv[1:6]
if int(logical) > 1:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * int(logical),
    )
measure, step = Session.measure, Session.step

def measure_and_dump(self, *arguments):
    measured = measure(self, *arguments)
    variables = [*self.model.weights, *self.optimizer.variables]
    variables += self.average.variables
    replicas = zip(*(
        [np.asarray(value) for value in
         self.devices.strategy.experimental_local_results(variable.value)]
        for variable in variables
    ))
    for number, values in enumerate(replicas):
        np.savez(f"{dump}_{number}.npz", *values)
    return measured

def step_or_strike(self, number, *arguments):
    if number == int(struck_at):
        os.kill(os.getpid(), int(signal))
    return step(self, number, *arguments)

def load_inverted(source):
    dataset = load_cached(source)
    train = replace(dataset.train, images=~dataset.train.images)
    return replace(dataset, train=train)

Session.measure, Session.step = measure_and_dump, step_or_strike
if inverted == "True":
    workers.load_cached = load_inverted
sys.exit(cli.main(sys.argv[6:]))
"""


def start(
    words, dump, *, logical=1, struck_at=-1, by=0, inverted=False, tf_config=None
):
    """Start a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_CONFIG", None)
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen(
        [
            *(sys.executable, "-c", PROCESS),
            *map(str, (logical, dump, struck_at, int(by), inverted)),
            *words,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """Wait for a process; return its exit code and what it complained of."""
    try:
        _, errors = process.communicate(timeout=PATIENCE / 3)
    finally:
        process.kill()
    return process.returncode, errors


def run_two_workers(folder, words, *, struck=None, struck_at=-1, by=0, inverted=None):
    """Run one command line as two workers; return their outcomes."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    processes = []
    try:
        for index in range(2):
            processes.append(
                start(
                    words,
                    folder / f"worker{index}",
                    struck_at=struck_at if index == struck else -1,
                    by=by,
                    inverted=index == inverted,
                    tf_config={
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    },
                )
            )
        return [outcome(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
