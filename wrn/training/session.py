"""A network being trained on its devices: one step, one measurement.

Every worker runs the same program: it is given the same order of images, and each
of its replicas takes its own share of each batch out of the images in its memory.
There is no input pipeline to distribute.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.architecture.wiring import wiring_of
from wrn.config import RunConfig
from wrn.config.schedule import averaging_start, image_size, mixes
from wrn.data import Dataset, Images, select
from wrn.devices import Devices
from wrn.inference import Classifier, cross_entropy
from wrn.model import build_model, dropout_seed
from wrn.own_keras import keras
from wrn.preprocessing import Preprocessing, fit_preprocessing
from wrn.tracing import traced
from wrn.training import augmentation, feasibility
from wrn.training.attention import with_groups
from wrn.training.averaging import WeightAverage
from wrn.training.batch_statistics import BatchStatistics
from wrn.training.collective import means, of_chief, sums
from wrn.training.distillation import Teachers, answers
from wrn.training.loss import image_losses
from wrn.training.optimizer import build_optimizer
from wrn.training.randomness import AUGMENTATION, DROPOUT, mixup_share, step_seed
from wrn.training.sharpness import with_weights, worst_nearby
from wrn.training.teacher_files import TeacherFile
from wrn.weights import Recognized, fill


class Session:
    """Model, optimizer and images of one training, in the devices' memory.

    Attributes:
        config: All settings.
        devices: Where it computes.
        split: The images to train on and to measure.
        preprocessing: Fitted on the training images, when the training began.
        model: The Keras model.
        optimizer: The optimizer; with float16, wrapped for loss scaling.
        sgd: The optimizer itself, which holds the learning rate.
        average: The moving average of the weights, if one is kept.
        classifier: The model with its preprocessing.
        batch_size: Images a step.
        steps: Steps an epoch.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        devices: Devices,
        preprocessing: Preprocessing | None = None,
        initial: Recognized | None = None,
        teachers: Sequence[TeacherFile] = (),
    ) -> None:
        """Build everything. See `wrn.training.loop.train` for what is refused.

        Args:
            config: All settings.
            dataset: The images.
            devices: Where to compute.
            preprocessing: What was fitted before, if the training goes on.
            initial: The weights to start from, of the same network; by default they
                are drawn at random.
            teachers: Networks whose answers are learned besides the labels.
        """
        self.config = config
        self.devices = devices
        self.split = select(dataset, config.data)
        feasibility.check(config, dataset)
        self.batch_size = feasibility.images_a_step(
            config.train.batch_size,
            len(self.split.train),
            devices.strategy.num_replicas_in_sync,
        )
        # The last partial batch of an epoch is left out, as in the authors' code;
        # the next epoch's order puts other images there.
        self.steps = len(self.split.train) // self.batch_size
        images = self.split.train.images
        # Teachers see what the student sees, so that must be what they know.
        self.preprocessing = (
            preprocessing
            or (teachers and teachers[0].preprocessing)
            or fit_preprocessing(config.data.preprocessing, images)
        )
        average_start = averaging_start(config.train, self.steps)
        # Outside the strategy: each worker measures all of them, alike.
        statistics = average_start and BatchStatistics(
            config,
            images,
            self.preprocessing,
            policy=devices.policy,
            batch_size=self.batch_size,
        )
        strategy = devices.strategy
        with strategy.scope():
            self.model = build_model(
                config.model,
                wiring_of(config),
                policy=devices.policy,
                seed=config.train.seed,
            )
            if initial:
                fill(self.model, initial)
            look = bool(teachers and config.train.attention_weight)
            self._student = with_groups(self.model) if look else self.model
            self._teachers = teachers and Teachers(teachers, devices.policy, look=look)
            self.sgd = build_optimizer(config.train)
            self.optimizer: Any = self.sgd
            if devices.precision == "float16":
                # Gradients of 16 bits underflow without it; bfloat16's do not.
                self.optimizer = keras.optimizers.LossScaleOptimizer(self.sgd)
            self.optimizer.build(self.model.trainable_variables)
            self.average = (
                WeightAverage(
                    self.model,
                    config.train.averaging,
                    strategy,
                    statistics.of if statistics else None,
                    average_start,
                )
                if config.train.averaging
                else None
            )
        self.classifier = Classifier(self.model, self.preprocessing)
        self._images = _on_each_replica(strategy, self.preprocessing.before(images))
        self._labels = _on_each_replica(
            strategy, self.split.train.labels.astype(np.int32)
        )
        self._means = traced(
            lambda: means(strategy, self.model.non_trainable_variables)
        )
        # XLA has no kernel for some distortions, and replicas cannot meet in what it
        # compiles: augmentation and update stay outside.
        self._differentiate: Callable[..., Any] = (
            traced(self._gradients, jit_compile=True)
            if devices.compile
            else self._gradients
        )
        self._step = self._on_all_replicas(self._replica_step)
        self._step_on = self._on_all_replicas(self._learn)

    def _on_all_replicas(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a step that runs on every replica and adds up what it returns."""
        strategy = self.devices.strategy

        @traced
        def step(*arguments: Any) -> Any:
            sums = strategy.run(function, args=arguments)
            return [strategy.reduce("SUM", each, axis=None) for each in sums]

        return step

    def step(
        self, number: int, indices: NDArray[np.int32], learning_rate: float
    ) -> tuple[float, int]:
        """Train on one batch.

        Args:
            number: Steps done before, from the start of the training. Decides, with
                the seed, all that is random in this step.
            indices: int32 (batch_size,), which training images.
            learning_rate: Learning rate of this step.

        Returns:
            The sum of the images' losses, those by the teachers included, and how
            many were classified rightly.
        """
        seed = self.config.train.seed
        seeds = [step_seed(seed, stream, number) for stream in (AUGMENTATION, DROPOUT)]
        self.sgd.learning_rate.assign(learning_rate)
        loss, correct = self._step(
            tf.constant(indices),
            tf.constant(seeds, tf.int32),
            self._images,
            self._labels,
            image_size(self.config.train, number // self.steps),
            self._mixed_share(number),
        )
        if self.average:
            self.average.after_step(number + 1)
        return float(loss), int(correct)

    def _mixed_share(self, number: int) -> Any:
        """Return the share that each image keeps of itself; `None` without mixup."""
        train = self.config.train
        if not mixes(train, number, self.steps):
            return None
        return tf.constant(mixup_share(train.seed, number, train.mixup), tf.float32)

    def step_on(self, images: Any, labels: Any) -> tuple[float, int]:
        """Train on a batch that is ready in memory, for measurements of speed.

        Args:
            images: Preprocessed, float32 (batch_size, 32, 32, 3).
            labels: int32 (batch_size,).

        Returns:
            As `step`.
        """
        loss, correct = self._step_on(images, labels, tf.constant([0, 0], tf.int32))
        return float(loss), int(correct)

    def _replica_step(
        self,
        indices: Any,
        seeds: Any,
        images: Any,
        labels: Any,
        size: int,
        mixed: Any = None,
    ) -> tuple[Any, Any]:
        """Do one replica's share of a step.

        Args:
            indices: int32 (batch_size,), the images of the whole batch.
            seeds: int32 (2, 2), the seeds of the augmentation and of dropout.
            images: (n, 32, 32, 3), all training images: uint8, or float32 where they
                are preprocessed already.
            labels: int32 (n,).
            size: Side in pixels that the images are shrunk to.
            mixed: float32, the share that each image keeps of itself in a blend with
                another of its replica; `None` to blend none.
        """
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        share = self.batch_size // self.devices.strategy.num_replicas_in_sync
        mine = slice(replica * share, (replica + 1) * share)
        batch = augmentation.augment(
            images,
            indices,
            seeds[0],
            self.config.data,
            normalize=self.preprocessing.after,
            share=mine,
            size=size,
        )
        targets = tf.gather(labels, indices[mine])
        seed = tf.random.experimental.stateless_fold_in(seeds[1], replica)
        if mixed is not None:
            batch = augmentation.mix(batch, mixed)
        return self._learn(batch, targets, seed, mixed)

    def _learn(
        self, batch: Any, targets: Any, seed: Any, mixed: Any = None
    ) -> tuple[Any, Any]:
        """Update the weights by one replica's images; return loss sum and hits."""
        loss_sum, hits, gradients = self._differentiate(batch, targets, seed, mixed)
        if self.devices.precision == "float16":
            gradients = _overflowing_together(gradients)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return loss_sum, hits

    def _gradients(
        self, batch: Any, targets: Any, seed: Any, mixed: Any
    ) -> tuple[Any, Any, list[Any]]:
        """Return one replica's loss sum, hits and gradients.

        Blended images count as hits of the label of which they have `mixed`.
        """
        weights = [variable.value for variable in self.model.trainable_variables]
        taught = self._teachers.answers(batch) if self._teachers else None
        with tf.GradientTape() as tape:
            loss_sum, logits, loss = self._forward(batch, targets, seed, mixed, taught)
        gradients = tape.gradient(loss, weights)
        if radius := self.config.train.sam_radius:
            # Every replica looks around by its own images, as in the paper.
            weights = worst_nearby(weights, gradients, radius)
            with tf.GradientTape() as tape, with_weights(self.model, weights):
                tape.watch(weights)
                loss = self._forward(batch, targets, seed, mixed, taught)[-1]
            gradients = tape.gradient(loss, weights)
        predicted = tf.argmax(logits, axis=1, output_type=tf.int32)
        hits = tf.reduce_sum(tf.cast(predicted == targets, tf.int32))
        return loss_sum, hits, gradients

    def _forward(
        self, batch: Any, targets: Any, seed: Any, mixed: Any, taught: Any
    ) -> tuple[Any, Any, Any]:
        """Compute the loss of one replica's images.

        Args:
            batch: Preprocessed, float32 (n, size, size, 3).
            targets: int32 (n,), their labels.
            seed: int32 (2,), of dropout.
            mixed: See `_replica_step`.
            taught: What the teachers say; `None` without one.

        Returns:
            The sum of the images' losses, the logits, float32 (n, classes), and the
            share of the batch's mean loss to take the gradient of.
        """
        with dropout_seed(seed):
            told = answers(self._student, batch, training=True)
        losses = image_losses(self.config, targets, told, mixed=mixed, taught=taught)
        loss_sum = tf.reduce_sum(losses)
        loss = loss_sum / self.batch_size
        if self.devices.precision == "float16":
            loss = self.optimizer.scale_loss(loss)
        return loss_sum, told.logits, loss

    def measure(
        self, images: Images, should_stop: Callable[[], bool]
    ) -> tuple[float, float] | None:
        """Return mean loss and accuracy on images, or `None` if asked to stop.

        Every worker measures all images, and takes the chief's word: other hardware
        may round otherwise, and all must agree which epoch was the best.
        """
        with self.weights_to_keep():
            logits = self.classifier.logits(images.images, should_stop=should_stop)
        if logits is None:
            return None
        loss = float(cross_entropy(logits, images.labels).mean())
        accuracy = float((logits.argmax(axis=1) == images.labels).mean())
        loss, accuracy = of_chief(self.devices, (loss, accuracy))
        return loss, accuracy

    def weights_to_keep(self) -> AbstractContextManager[None]:
        """Give the model, for a while, the weights to measure and to save.

        They are the moving average where one is kept, else the model's own.
        """
        self.average_statistics()
        return self.average.in_place() if self.average else nullcontext()

    def average_statistics(self) -> None:
        """Give all replicas the mean of their batch-norm moving statistics.

        Each replica normalizes by its own images, as is usual, and so keeps moving
        statistics of its own. They must be one before anything is measured or saved.
        """
        strategy = self.devices.strategy
        if strategy.num_replicas_in_sync == 1:
            return

        variables = self.model.non_trainable_variables
        for variable, mean in zip(variables, self._means(), strict=True):
            variable.assign(mean)


def _on_each_replica(strategy: Any, array: NDArray[Any]) -> Any:
    """Copy an array into the memory of each device."""
    names = strategy.extended.worker_devices

    def copy(context: Any) -> Any:
        # Of several workers each has as many devices, numbered through.
        with tf.device(names[context.replica_id_in_sync_group % len(names)]):
            return tf.constant(array)

    return strategy.experimental_distribute_values_from_function(copy)


def _overflowing_together(gradients: list[Any]) -> list[Any]:
    """Let every replica see an overflow of one: Keras looks at the first alone."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return gradients
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
    mine = tf.where(finite, 0.0, np.float32(np.nan))
    (everyones,) = sums([mine])
    return [gradient + everyones for gradient in gradients]
