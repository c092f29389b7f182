"""How fast a training goes, and how long it will still take."""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

#: Steps of which the median is taken: long enough to be steady, short enough to
#: follow a machine that becomes busy.
_WINDOW_STEPS = 50


class Pace:
    """Times the steps of a training.

    The first step, which builds the computation, is left out of the rate.

    Attributes:
        seconds: Time spent in measured steps since the start of the process.
    """

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.seconds = 0.0
        self._recent: deque[float] = deque(maxlen=_WINDOW_STEPS)
        self._started = False
        self._told = 0.0

    def lap(self) -> float:
        """Return the seconds spent in steps since the last call."""
        before, self._told = self._told, self.seconds
        return self.seconds - before

    @contextmanager
    def measure(self, images: int) -> Iterator[None]:
        """Time one step of `images` images."""
        start = time.perf_counter()
        yield
        elapsed = time.perf_counter() - start
        self.seconds += elapsed
        if self._started:
            self._recent.append(elapsed / images)
        self._started = True

    @property
    def images_per_second(self) -> float | None:
        """Median over the recent steps; `None` before the second step."""
        if not self._recent:
            return None
        return 1.0 / max(statistics.median(self._recent), 1e-9)

    def seconds_left(self, images: int) -> float | None:
        """Return the time that `images` images will take, `None` while unknown."""
        rate = self.images_per_second
        return images / rate if rate else None
