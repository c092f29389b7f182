"""Finds out what a weight file does not record, by trying what it could be.

A file may leave open how its kernels and statistics are meant, how its layers are
connected, what was done to the images and in which order their colours came. Every
combination is tried on training images, so that the accuracy on test images that
follows is not one that was selected. Many are tried on few images; the best go on to
more of them. Of the last that accuracy cannot tell apart the winner is the one whose
batch normalizations see what their statistics say. Whitening takes its time to fit, and
is tried only where nothing else gets half of the images right.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn import weights
from wrn.architecture.wiring import AUTHORS, Wiring, named
from wrn.data import Dataset
from wrn.evaluation import Z95
from wrn.evaluation.trials import Bench, Combination, Trial, for_rgb, ranked
from wrn.preprocessing import (
    GcnZca,
    KerasZca,
    MeanStd,
    PerImage,
    PerPixel,
    Preprocessing,
    read_preprocessing,
)
from wrn.restoring import LoadedWeights, restore
from wrn.weights import Recognized, WeightFile

#: How many images every combination is tried on.
FIRST_IMAGES = 100

#: How many of the best go on, and to how many images.
ROUNDS = ((8, 400), (3, 1000))

#: How many of the best are tried with the other padding, too.
PADDED = 4

#: Whitening is tried where the best of the first round gets no more right than this,
#: or than what guessing alone might.
WHITENING_BELOW = 0.5

#: Training images that whitening is fitted on for a trial; the winner's on all.
WHITENING_IMAGES = 10_000

#: How improbable a result must be for guessing, after all the trials together.
CHANCE = 0.01

#: And how much better than guessing: a network that was never trained tells colours
#: apart, which is more than nothing.
LEAST_OVER_CHANCE = 2.0


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What was found out.

    Attributes:
        loaded: The network, understood as the winner is, with notes that say so.
        trials: Each combination's last trial, the winner first.
        random: Whether none is better than guessing.
        equals: How many others the winner cannot be told apart from.
    """

    loaded: LoadedWeights
    trials: tuple[Trial, ...]
    random: bool
    equals: int

    @property
    def inferred(self) -> dict[str, str]:
        """How the winner understands the file, in words."""
        return self.trials[0].combination.words

    @property
    def found_out(self) -> dict[str, str]:
        """The same of what was tried in more than one way."""
        tried = [trial.combination.words for trial in self.trials]
        return {
            name: word
            for name, word in self.inferred.items()
            if any(words[name] != word for words in tried)
        }

    @property
    def understood(self) -> Recognized:
        """What the file holds, read as the winner does, for red, green, blue."""
        return for_rgb(self.trials[0].combination)

    @property
    def sentence(self) -> str:
        """What was found out, in words."""
        return _sentence(self.trials, self.random, self.equals)

    def to_dict(self) -> dict[str, Any]:
        """Return the table and what follows from it as plain JSON types."""
        return {
            "inferred": self.inferred,
            "random": self.random,
            "equals": self.equals,
            "sentence": self.sentence,
            "trials": [trial.to_dict() for trial in self.trials],
        }


def diagnose(
    path: str | Path,
    dataset: Dataset,
    precision: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> Diagnosis | None:
    """Try all that a file could mean on training images.

    Args:
        path: A weight file.
        dataset: Labelled images of as many classes as the network has.
        precision: Arithmetic of the layers, or `auto`.
        on_progress: Called with the trials of a round that are done, and all of it.

    Returns:
        What was found out; `None` if the file leaves nothing open.

    Raises:
        WeightsError: If the file holds no Wide ResNet that this project can run, or
            is damaged.
    """
    file = weights.read(path)
    likeliest = weights.recognize(file)
    found = list(_understood(file, likeliest))
    recorded = _recorded(file)
    if recorded and len(found) == 1:
        return None
    images = dataset.train.images
    kinds = {"recorded": recorded} if recorded else _quick(images)
    # A source may be sorted by class: then the first images are all of one.
    order = np.random.default_rng(0).permutation(len(images))
    sample = dataset.train.take(order[: ROUNDS[-1][1]])
    bench = Bench(sample, precision, on_progress or (lambda done, total: None))
    bench.add(kinds)
    colours = (False,) if recorded else (False, True)
    kept = bench.round(_combinations(found, kinds, colours), FIRST_IMAGES)
    # Of fewer images than an image has values whitening makes no sense.
    whitens = not recorded and len(images) > images[0].size
    classes = likeliest.config.classes
    if whitens and kept[0].accuracy <= max(WHITENING_BELOW, least_accuracy(classes)):
        whitening = _whitening(images[order[:WHITENING_IMAGES]])
        bench.add(whitening)
        kinds |= whitening
        more = bench.round(_combinations(found, whitening, colours), FIRST_IMAGES)
        kept = ranked([*kept, *more])
    added = [] if likeliest.certain else _padded_otherwise(file, kept[:PADDED])
    for places, count in ROUNDS:
        best = [trial.combination for trial in kept[:places]]
        kept = [*bench.round([*best, *added], count), *kept[places:]]
        added = []
    finalists = [bench.fitted(trial) for trial in kept[: ROUNDS[-1][0]]]
    kept = [*_settled(finalists), *kept[len(finalists) :]]
    random = _is_chance(kept[0], len(kept), found[0].config.classes)
    equals = sum(_alike(kept[0], other) for other in kept[1 : len(finalists)])
    loaded = (
        restore(file, found[0], precision)
        if random
        else _understood_as(kept[0].combination, file, kinds, images, precision)
    )
    notes = (*loaded.notes, _sentence(kept, random, equals))
    return Diagnosis(
        loaded=dataclasses.replace(loaded, notes=notes),
        trials=tuple(kept),
        random=random,
        equals=equals,
    )


def _understood_as(
    winner: Combination,
    file: WeightFile,
    kinds: Mapping[str, Preprocessing],
    images: NDArray[np.uint8],
    precision: str,
) -> LoadedWeights:
    """Restore the network that a combination makes of a file."""
    preprocessing = kinds[winner.preprocessing]
    if winner.preprocessing in _WHITENINGS and len(images) > WHITENING_IMAGES:
        preprocessing = _WHITENINGS[winner.preprocessing].fit(images)
    loaded = restore(file, for_rgb(winner), precision, preprocessing)
    # What was assumed before counts no more.
    found = winner.found
    differs = weights.differences(found.wiring, found.config.widen_factor)
    notes = (*differs, *found.conversions)
    return dataclasses.replace(loaded, notes=notes)


def _understood(file: WeightFile, likeliest: Recognized) -> Iterable[Recognized]:
    """Yield what a file holds, in every way that it does not rule out itself."""
    flattened = likeliest.wiring.head != "global"
    for reading in weights.readings(file, likeliest.reading, flattened=flattened):
        found = weights.recognize(file, reading=reading)
        seen: list[Wiring] = []
        for wiring in (found.wiring, *found.alternatives):
            # Momentum matters in training only, and wider networks project anyway.
            alike = wiring.replace(momentum=AUTHORS.momentum)
            if found.config.widen_factor > 1:
                alike = alike.replace(projection=AUTHORS.projection)
            if alike not in seen:
                seen.append(alike)
                yield weights.recognize(file, reading=reading, wiring=wiring)


def _padded_otherwise(file: WeightFile, trials: Sequence[Trial]) -> list[Combination]:
    """Return combinations with the other padding of strided convolutions.

    Weights that were carried from one program to another keep the padding of the
    first, which no shape shows. Whatever else is right shows with either padding, so
    that only the best are tried with both.
    """
    combinations = [trial.combination for trial in trials]
    return [
        dataclasses.replace(
            one,
            found=weights.recognize(
                file,
                reading=one.found.reading,
                wiring=named(
                    one.found.wiring.replace(
                        padding="tensorflow"
                        if one.found.wiring.padding == "symmetric"
                        else "symmetric"
                    )
                ),
            ),
        )
        for one in combinations
        if one.found.wiring.downsampling == "stride"
    ]


def _recorded(file: WeightFile) -> Preprocessing | None:
    stored = file.metadata.get("preprocessing")
    return read_preprocessing(stored, file.preprocessing) if stored else None


def _quick(images: NDArray[np.uint8]) -> dict[str, Preprocessing]:
    """Return what programs do to images, but for whitening, by its name."""
    channels = MeanStd.fit(images)
    return {
        "mean and deviation of channels": channels,
        "0 to 1": MeanStd(mean=(0.0,) * 3, std=(255.0,) * 3),
        "0 to 1, less the mean": MeanStd(mean=channels.mean, std=(255.0,) * 3),
        "-1 to 1": MeanStd(mean=(127.5,) * 3, std=(127.5,) * 3),
        "0 to 255": MeanStd(mean=(0.0,) * 3, std=(1.0,) * 3),
        "mean and deviation of pixels": PerPixel.fit(images),
        "mean and deviation of each image": PerImage(),
    }


_WHITENINGS: dict[str, type[Preprocessing]] = {
    "contrast normalization, ZCA": GcnZca,
    "ZCA as by Keras": KerasZca,
}


def _whitening(images: NDArray[np.uint8]) -> dict[str, Preprocessing]:
    return {name: kind.fit(images) for name, kind in _WHITENINGS.items()}


def _combinations(
    found: Iterable[Recognized], kinds: Iterable[str], colours: Sequence[bool]
) -> list[Combination]:
    return [
        Combination(each, kind, bgr)
        for each, bgr, kind in itertools.product(found, colours, kinds)
    ]


def _settled(finalists: Sequence[Trial]) -> list[Trial]:
    """Put first, of those that accuracy cannot tell apart, the one that fits best."""
    best = finalists[0]
    return sorted(
        finalists,
        key=lambda trial: (not _alike(best, trial), trial.misfit or 0.0),
    )


def _is_chance(best: Trial, trials: int, classes: int) -> bool:
    """Whether the best of some trials is hardly better than guessing would be."""
    if best.accuracy < least_accuracy(classes):
        return True
    return (
        trials * binomial_tail(int(best.correct.sum()), len(best.correct), classes)
        > CHANCE
    )


def least_accuracy(classes: int) -> float:
    """Return the accuracy that trained weights must reach, a fraction of 1.

    Args:
        classes: At least 2. With two of them nothing is twice as good as guessing:
            there it is half of what guessing leaves.
    """
    guessing = 1 / classes
    return min(LEAST_OVER_CHANCE * guessing, (1 + guessing) / 2)


def binomial_tail(hits: int, images: int, classes: int) -> float:
    """Return the probability to guess at least so many images rightly.

    Args:
        hits: 0 to `images`.
        images: At least 1.
        classes: Equally probable, at least 2.
    """
    logarithms = [
        math.lgamma(images + 1)
        - math.lgamma(n + 1)
        - math.lgamma(images - n + 1)
        - n * math.log(classes)
        + (images - n) * math.log1p(-1 / classes)
        for n in range(hits, images + 1)
    ]
    return min(1.0, math.fsum(map(math.exp, logarithms)))


def _alike(one: Trial, other: Trial) -> bool:
    """Whether two trials on the same images differ by chance (McNemar's test)."""
    images = min(len(one.correct), len(other.correct))
    better = int((one.correct[:images] & ~other.correct[:images]).sum())
    worse = int((~one.correct[:images] & other.correct[:images]).sum())
    return abs(better - worse) <= Z95 * math.sqrt(better + worse)


def _sentence(trials: Sequence[Trial], random: bool, equals: int) -> str:
    best = trials[0]
    tried = (
        f"What the file does not record was tried on training images, {len(trials)} "
        f"{'combination' if len(trials) == 1 else 'combinations'} in all"
    )
    if random:
        return (
            f"{tried}, and none is much better than guessing: the best is right on "
            f"{best.accuracy:.1%} of {len(best.correct):,}. Its weights are random, or "
            "of other images than these."
        )
    words = best.combination.words
    told = "; ".join(f"{name}: {word}" for name, word in words.items())
    sentence = (
        f"{tried}. Inferred: {told}, right on {best.accuracy:.1%} of "
        f"{len(best.correct):,}."
    )
    if equals:
        others = "one other does" if equals == 1 else f"{equals} others do"
        sentence += (
            f" At least {others} as well, within chance; the statistics in the file "
            "fit this one best."
        )
    return sentence
