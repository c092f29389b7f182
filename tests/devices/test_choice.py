"""Choosing devices, and finding the other workers."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from wrn import devices as module
from wrn.cluster import Cluster, cluster
from wrn.config import TrainConfig
from wrn.devices import choose
from wrn.errors import ConfigError


@pytest.mark.parametrize(
    "devices", ["gpu:7", "cpu:5", "tpu", "", "cpu:0,cpu:0", "cpu,gpu", "cpu:0;cpu:1"]
)
def test_devices_that_do_not_exist_are_refused_with_those_that_do(devices):
    with pytest.raises(ConfigError, match=r"devices must be auto, cpu, .*cpu:0.*Rec"):
        choose("float32", devices)


def test_the_cpu_can_be_asked_for():
    assert choose("float32", "cpu").gpus == 0
    assert choose("float32", "cpu:0").description.startswith("Computing on the CPU")
    assert choose("float32", "cpu").strategy.num_replicas_in_sync == 1


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        # Ampere, Hopper; Volta, Turing; Pascal. The oldest decides for all.
        ([(8, 0)], "bfloat16"),
        ([(9, 0), (8, 6)], "bfloat16"),
        ([(7, 0)], "float16"),
        ([(8, 0), (7, 5)], "float16"),
        ([(6, 1)], "float32"),
        ([(9, 0), (6, 1)], "float32"),
        # A GPU that does not tell.
        ([(0, 0)], "float32"),
    ],
)
def test_the_precision_of_gpus_is_what_their_tensor_cores_have(
    monkeypatch, capabilities, expected
):
    monkeypatch.setattr(module, "_capability", lambda gpu: capabilities[gpu])
    assert module._best_precision(list(range(len(capabilities)))) == expected


def test_settings_from_before_there_was_a_choice_of_devices():
    stored = TrainConfig().to_dict()
    del stored["devices"]
    assert TrainConfig.from_dict(stored).devices == "auto"


TWO = {"worker": ["a:1", "b:1"]}
FIRST = {"task": {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    ("jobs", "kind", "index", "expected"),
    [
        (TWO, "worker", 0, Cluster(2, True, "a:1")),
        (TWO, "worker", 1, Cluster(2, False, "b:1")),
        ({"chief": ["c:1"], **TWO}, "chief", 0, Cluster(3, True, "c:1")),
        ({"chief": ["c:1"], **TWO}, "worker", 0, Cluster(3, False, "a:1")),
        ({"worker": ["a:1"]}, "worker", 0, None),
        ({}, "worker", 0, None),
    ],
)
def test_tf_config_tells_the_place_among_the_workers(jobs, kind, index, expected):
    variable = {"cluster": jobs, "task": {"type": kind, "index": index}}
    assert cluster({"TF_CONFIG": json.dumps(variable)}) == expected


def test_without_tf_config_there_are_no_others():
    assert cluster({}) is None
    assert cluster({"TF_CONFIG": ""}) is None
    assert cluster({"TF_CONFIG": "{}"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({"cluster": TWO}),
        json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}),
        json.dumps({"cluster": TWO, "task": {"type": "ps", "index": 0}}),
        json.dumps({"cluster": [], "task": {}}),
        json.dumps({"cluster": {"workers": ["a:1", "b:1"]}, **FIRST}),
        json.dumps({"cluster": {"master": ["a:1"], "worker": ["b:1"]}, **FIRST}),
        json.dumps({"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, **FIRST}),
        json.dumps({"cluster": {"chief": ["a:1", "b:1"], **TWO}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a", "b"]}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a:0", "b:1"]}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a:1", "b:65536"]}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a:1", "http://b:1"]}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a:1", "a:1"]}, **FIRST}),
        json.dumps({"cluster": {"worker": ["a:1", 2]}, **FIRST}),
        json.dumps({"cluster": {"worker": "a:1"}, "task": {"type": "worker"}}),
        json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 0.5}}),
        json.dumps({"cluster": TWO, "task": {"type": "worker", "index": True}}),
    ],
)
def test_tf_config_that_cannot_be_read_is_refused_in_words(text):
    with pytest.raises(ConfigError, match="TF_CONFIG must be JSON with a cluster"):
        cluster({"TF_CONFIG": text})


@pytest.mark.slow
def test_a_port_in_use_is_told_with_its_address():
    """In a process of its own: TensorFlow's runtime starts once."""
    program = """
        from wrn.cluster import cluster
        from wrn.devices import choose
        from wrn.errors import ClusterError
        try:
            choose("float32", "cpu", cluster())
        except ClusterError as error:
            print(error)
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        workers = {"worker": [address, "127.0.0.1:1"]}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            env=os.environ | {"TF_CONFIG": json.dumps({"cluster": workers, **FIRST})},
            capture_output=True,
            text=True,
            check=False,
        )
    assert f"its port for itself. Received: {address}" in done.stdout, done.stderr


def test_the_sentence_tells_the_precision_that_is_used():
    """Workers take over the chief's, whatever their own would be."""
    chosen = dataclasses.replace(choose("float32", "cpu"), precision="bfloat16")
    assert chosen.description == "Computing on the CPU, in bfloat16."
