"""Event files that TensorBoard reads, without the TensorBoard package.

`tf.summary` needs that package; the record format and the messages are part of
TensorFlow itself.
"""

import errno
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.summary_pb2 import Summary
from tensorflow.core.util.event_pb2 import Event, SessionLog


class EventFile:
    """One event file, for one session of a run."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Open a new file in `folder`.

        Args:
            folder: The run's folder.
            first_step: Step at which the session begins. TensorBoard hides what
                an earlier session wrote at or after it.
        """
        # The name that TensorBoard looks for: prefix, time, machine, process.
        marks = f"{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._path = str(folder / f"events.out.tfevents.{marks}")
        with self._full_disk_named():
            self._writer = tf.io.TFRecordWriter(self._path)
            self._write(Event(file_version="brain.Event:2"))
            self._write(
                Event(step=first_step, session_log=SessionLog(status=SessionLog.START))
            )

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write named values of one step.

        Raises:
            OSError: If there is no room.
        """
        values = [
            Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()
        ]
        with self._full_disk_named():
            self._write(Event(step=step, summary=Summary(value=values)))
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        with self._full_disk_named():
            self._writer.close()

    @contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        """Call a full disk by its name: TensorFlow calls it as it does memory."""
        try:
            yield
        except tf.errors.ResourceExhaustedError:
            said = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC, said, self._path) from None

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
