"""A network together with the preprocessing that it was trained with."""

from collections.abc import Callable, Iterator
from typing import Any, overload

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.architecture import IMAGE_SHAPE
from wrn.config.schedule import BATCH_IMAGES
from wrn.errors import DataError, WeightsError
from wrn.preprocessing import Preprocessing
from wrn.tracing import traced


class Classifier:
    """Classifies raw images: preprocessing, network, logits.

    Attributes:
        model: The Keras model, from preprocessed images to logits.
        preprocessing: What is done to the images first.
    """

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        """Take a model and the preprocessing that belongs to it."""
        self.model = model
        self.preprocessing = preprocessing
        self._forward = traced(
            lambda images: model(
                preprocessing.apply(tf.cast(images, tf.float32)), training=False
            ),
            input_signature=[tf.TensorSpec((None, *IMAGE_SHAPE), tf.uint8)],
        )

    def batches(
        self, images: NDArray[np.uint8], *, flip: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the logits batch by batch.

        Args:
            images: uint8 (n, 32, 32, 3).
            flip: Whether to take the mean of each image's logits and those of its
                mirror image (test-time flip).

        Yields:
            float32 (at most BATCH_IMAGES, classes), in the order of the images.

        Raises:
            DataError: If the images are of another type or shape. TensorFlow would cut
                numbers from 0 to 1 to zeros.
        """
        check_images(images)
        for start in range(0, len(images), BATCH_IMAGES):
            batch = np.ascontiguousarray(images[start : start + BATCH_IMAGES])
            logits = self._forward(batch).numpy()
            if flip:
                mirrored = np.ascontiguousarray(batch[:, :, ::-1])
                logits = (logits + self._forward(mirrored).numpy()) / 2
            yield logits

    @overload
    def logits(
        self,
        images: NDArray[np.uint8],
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: None = None,
        *,
        flip: bool = False,
    ) -> NDArray[np.float32]: ...

    @overload
    def logits(
        self,
        images: NDArray[np.uint8],
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        *,
        flip: bool = False,
    ) -> NDArray[np.float32] | None: ...

    def logits(
        self,
        images: NDArray[np.uint8],
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        *,
        flip: bool = False,
    ) -> NDArray[np.float32] | None:
        """Return the logits of all images.

        Args:
            images: uint8 (n, 32, 32, 3), n at least 1.
            on_progress: Called after each batch with the images done and the total.
            should_stop: Asked before each batch.
            flip: Whether to average over each image and its mirror image.

        Returns:
            float32 (n, classes), or `None` if `should_stop` said so.

        Raises:
            DataError: If the images are of another type or shape.
        """
        done: list[NDArray[np.float32]] = []
        batches = self.batches(images, flip=flip)
        count = 0
        while count < len(images):
            if should_stop and should_stop():
                return None
            done.append(next(batches))
            count += len(done[-1])
            if on_progress:
                on_progress(count, len(images))
        return np.concatenate(done)


def check_images(images: NDArray[np.uint8]) -> None:
    """Refuse what are no images.

    Raises:
        DataError: If they are of another type than uint8, or of another shape than
            (n, 32, 32, 3).
    """
    if images.dtype != np.uint8 or images.shape[1:] != IMAGE_SHAPE:
        raise DataError(
            "Images must be uint8, 0 to 255, of shape (n, 32, 32, 3); what a network "
            "wants done to them is done here. "
            f"Received: {images.dtype} of shape {images.shape}"
        )


def cross_entropy(
    logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each image's loss.

    Args:
        logits: (n, classes).
        labels: (n,), from 0.

    Returns:
        float64 (n,): -log of the probability of the label, in nats; NaN where logits
        are not finite, as those of a training that diverged.
    """
    shifted = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shifted -= shifted.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(total - shifted[np.arange(len(labels)), labels])


def check_finite(logits: NDArray[np.float32]) -> None:
    """Refuse answers that are no numbers.

    Args:
        logits: (n, classes).

    Raises:
        WeightsError: If there are any, as of weights too large to compute with.
    """
    broken = int((~np.isfinite(logits)).any(axis=1).sum())
    if broken:
        raise WeightsError(
            "A network's answers must be finite numbers. Received: NaN or infinity for "
            f"{broken:,} of {len(logits):,} images; its weights are too large"
        )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits (n, classes) into probabilities of the same shape."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
