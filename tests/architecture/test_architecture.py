import pytest

from wrn.architecture import describe
from wrn.config import ModelConfig

#: Trainable parameters: paper's Table 4 to its one decimal, exact by the authors'
#: code for 40-4 (8,949,210).
PARAMETERS = {
    (16, 1): 175_066,
    (16, 2): 691_674,
    (16, 4): 2_748_890,
    (16, 8): 10_961_370,
    (22, 8): 17_158_106,
    (28, 10): 36_479_194,
    (40, 1): 563_930,
    (40, 2): 2_243_546,
    (40, 4): 8_949_210,
}

#: By hand: 3 for conv1, then +2 a convolution times the distance of its inputs.
RECEPTIVE_FIELDS = {10: 25, 16: 53, 22: 81, 28: 109, 40: 165}


@pytest.mark.parametrize(("network", "parameters"), PARAMETERS.items())
def test_parameters(network, parameters):
    depth, widen_factor = network
    config = ModelConfig(depth=depth, widen_factor=widen_factor)
    assert describe(config).parameters == parameters


@pytest.mark.parametrize(("depth", "pixels"), RECEPTIVE_FIELDS.items())
def test_receptive_field(depth, pixels):
    config = ModelConfig(depth=depth, widen_factor=1)
    assert describe(config).receptive_field == pixels


def test_multiply_adds_of_wrn_16_2_by_hand():
    first = 32 * 32 * 9 * 3 * 16
    group1 = 32 * 32 * (9 * 16 * 32 + 3 * 9 * 32 * 32 + 16 * 32)
    group2 = 16 * 16 * (9 * 32 * 64 + 3 * 9 * 64 * 64 + 32 * 64)
    group3 = 8 * 8 * (9 * 64 * 128 + 3 * 9 * 128 * 128 + 64 * 128)
    expected = first + group1 + group2 + group3 + 128 * 10
    assert describe(ModelConfig(depth=16, widen_factor=2)).multiply_adds == expected


def test_projection_only_where_channels_change():
    def shortcuts(widen_factor):
        layers = describe(ModelConfig(depth=16, widen_factor=widen_factor)).layers
        return [layer.name for layer in layers if layer.kernel == (1, 1)]

    groups = [f"group{g}_block1_shortcut" for g in (1, 2, 3)]
    assert shortcuts(2) == groups
    # At widen factor 1 the first group keeps conv1's 16 channels.
    assert shortcuts(1) == groups[1:]


def test_projection_takes_the_pre_activated_tensor():
    layers = describe(ModelConfig(depth=10, widen_factor=2)).by_name
    assert layers["group2_block1_shortcut"].inputs == ("group2_block1_relu1",)
    assert layers["group2_block1_add"].inputs == (
        "group2_block1_conv2",
        "group2_block1_shortcut",
    )
    layers = describe(ModelConfig(depth=16, widen_factor=2)).by_name
    assert layers["group2_block2_add"].inputs == (
        "group2_block2_conv2",
        "group2_block1_add",
    )


def test_dropout_sits_between_the_convolutions_after_relu():
    layers = describe(ModelConfig(depth=10, widen_factor=1, dropout=0.3)).by_name
    assert layers["group1_block1_dropout"].inputs == ("group1_block1_relu2",)
    assert layers["group1_block1_conv2"].inputs == ("group1_block1_dropout",)
    plain = describe(ModelConfig(depth=10, widen_factor=1)).by_name
    assert "group1_block1_dropout" not in plain


def test_shapes_of_the_groups():
    layers = describe(ModelConfig(depth=28, widen_factor=10)).by_name
    assert layers["group1_block4_add"].output_shape == (32, 32, 160)
    assert layers["group2_block4_add"].output_shape == (16, 16, 320)
    assert layers["group3_block4_add"].output_shape == (8, 8, 640)
    assert layers["pool"].output_shape == (640,)
    assert layers["dense"].output_shape == (10,)


def test_to_dict_has_what_other_programs_read():
    found = describe(ModelConfig(depth=16, widen_factor=2)).to_dict()
    assert found["name"] == "WRN-16-2"
    assert found["parameters"] == 691_674
    assert found["receptive_field"] == 53
    assert found["layers"][1]["output_shape"] == [32, 32, 16]


def test_groups_share_parameters_and_multiply_adds():
    """WRN-10-1: counted by hand from the paper's Table 1."""
    groups = describe(ModelConfig(depth=10, widen_factor=1)).by_group()
    assert list(groups) == ["Stem", "Group 1", "Group 2", "Group 3", "Head"]
    parameters = {
        "Stem": 9 * 3 * 16,
        "Group 1": 2 * 9 * 16 * 16 + 2 * 32,
        "Group 2": 9 * 16 * 32 + 9 * 32 * 32 + 16 * 32 + 2 * (16 + 32),
        "Group 3": 9 * 32 * 64 + 9 * 64 * 64 + 32 * 64 + 2 * (32 + 64),
        "Head": 2 * 64 + 64 * 10 + 10,
    }
    adds = {
        "Stem": 1024 * 9 * 3 * 16,
        "Group 1": 1024 * 2 * 9 * 16 * 16,
        "Group 2": 256 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32),
        "Group 3": 64 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64),
        "Head": 64 * 10,
    }
    assert sum(parameters.values()) == 77_850
    for name, (share, share_of_adds) in groups.items():
        assert share == pytest.approx(parameters[name] / 77_850)
        assert share_of_adds == pytest.approx(adds[name] / sum(adds.values()))
