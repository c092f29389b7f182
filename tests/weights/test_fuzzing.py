"""Damaged files of every era end in a network or in a sentence, whatever the damage."""

import json
from collections import Counter

import pytest

from tests.weights import fuzzing
from wrn import weights
from wrn.errors import WeightsError

SEED = 20160523

pytestmark = pytest.mark.usefixtures("quick_reading")


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(6, id="some"),
        # Of seven eras: 2,002 mutants.
        pytest.param(
            286, id="all", marks=[pytest.mark.long, pytest.mark.timeout(3000)]
        ),
    ],
)
@pytest.mark.parametrize("era", fuzzing.ERAS)
def test_mutants_end_in_a_network_or_a_refusal(tmp_path, era, count):
    source, target = tmp_path / "source", tmp_path / "mutant"
    fuzzing.ERAS[era](source)
    assert weights.inspect(source)["name"] == "WRN-10-1"
    outcomes = Counter()
    seed = (SEED, list(fuzzing.ERAS).index(era))
    for number in fuzzing.mutants(source, target, count, seed):
        outcome = read(target, f"{era}, mutant {number}")
        outcomes[outcome] += 1
    print(f"{era}:", *(f"\n{n:6} {outcome}" for outcome, n in outcomes.most_common()))
    assert outcomes.total() == count
    assert len(outcomes) > 1


def read(path, name):
    """Read a file as the pages do; return the outcome in a few words."""
    try:
        report = weights.inspect(path)
    except WeightsError as error:
        sentence = str(error)
        assert sentence.isprintable(), name
        assert 20 < len(sentence) < 700, name
        assert str(path.parent) not in sentence, name
        return sentence[:40]
    except Exception as error:
        raise AssertionError(f"{name} ended in a {error!r}") from error
    # What is shown is text, and what is printed is JSON.
    json.dumps(report).encode()
    return report["name"]
