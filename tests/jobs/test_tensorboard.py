"""Event files, where there is no room for them."""

import errno
import os

import pytest
import tensorflow as tf

from wrn.jobs.failures import explain
from wrn.jobs.tensorboard import EventFile


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has it.")
def test_a_full_disk_is_told_as_one(tmp_path, monkeypatch):
    writer = tf.io.TFRecordWriter
    events = EventFile(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "TFRecordWriter", lambda path: writer("/dev/full"))
        full = EventFile(tmp_path, 1)
    events.add(1, {"loss": 1.0})
    with pytest.raises(OSError, match="No space left on device") as raised:
        full.add(1, {"loss": 1.0})
    assert raised.value.errno == errno.ENOSPC
    assert explain(raised.value).advice.startswith("Make room on the disk")
