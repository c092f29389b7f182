"""Pictures of networks: complete, true to the architecture, without overlaps."""

import itertools
import os
import subprocess
import sys

import pydot
import pytest

from tests.conftest import ROOT
from wrn.architecture import Architecture, describe
from wrn.architecture.wiring import FAMILIES
from wrn.config import ModelConfig
from wrn.errors import MissingToolError
from wrn.graph import FORMATS, LEVELS, can_render, draw, facts, render, to_dot
from wrn.graph.dot import _quoted

NETWORKS = [(10, 1, 0.0), (16, 1, 0.0), (16, 2, 0.3), (28, 10, 0.0), (40, 4, 0.3)]


@pytest.fixture(params=NETWORKS, ids=lambda network: "-".join(map(str, network)))
def architecture(request: pytest.FixtureRequest) -> Architecture:
    depth, widen_factor, dropout = request.param
    return describe(
        ModelConfig(depth=depth, widen_factor=widen_factor, dropout=dropout)
    )


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_layer_level_shows_every_layer_once(architecture):
    graph = draw(architecture, "layers")
    assert [node.id for node in graph.nodes] == list(
        dict.fromkeys(node.id for node in graph.nodes)
    )
    assert {node.id for node in graph.nodes} == {x.name for x in architecture.layers}
    assert all(node.layers == (node.id,) for node in graph.nodes)


def test_every_layer_belongs_to_one_node(architecture, level):
    stood_for = [
        name for node in draw(architecture, level).nodes for name in node.layers
    ]
    assert sorted(stood_for) == sorted(layer.name for layer in architecture.layers)


def test_edges_of_the_layer_level_are_the_inputs(architecture):
    graph = draw(architecture, "layers")
    drawn = [(edge.source, edge.target) for edge in graph.edges]
    inputs = [(x, layer.name) for layer in architecture.layers for x in layer.inputs]
    assert drawn == inputs


def test_edges_of_the_other_levels_are_the_inputs_taken_together(architecture, level):
    graph = draw(architecture, level)
    node_of = {name: node.id for node in graph.nodes for name in node.layers}
    drawn = {(edge.source, edge.target) for edge in graph.edges}
    inputs = {
        (node_of[x], node_of[layer.name])
        for layer in architecture.layers
        for x in layer.inputs
    }
    assert drawn == {(a, b) for a, b in inputs if a != b}


def test_number_of_nodes_by_hand():
    # WRN-16-2: three groups of two blocks. Outside the groups stand input, conv1,
    # bn, relu, pool and dense. A block has 7 layers, the first of a group 8.
    wrn = describe(ModelConfig(depth=16, widen_factor=2))
    assert [len(draw(wrn, level).nodes) for level in LEVELS] == [9, 12, 6 + 3 * 15]


def test_shortcuts_by_hand():
    wrn = describe(ModelConfig(depth=16, widen_factor=2))
    shortcuts = [
        (edge.source, edge.target)
        for edge in draw(wrn, "layers").edges
        if edge.shortcut and "group1" in edge.target
    ]
    assert shortcuts == [
        ("group1_block1_relu1", "group1_block1_shortcut"),
        ("group1_block1_shortcut", "group1_block1_add"),
        ("group1_block1_add", "group1_block2_add"),
    ]


def overlaps(a, b) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def contains(outer, inner) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.right <= outer.right
        and inner.bottom <= outer.bottom
    )


def test_nodes_do_not_overlap(architecture, level):
    graph = draw(architecture, level)
    clashes = [
        (a.id, b.id)
        for a, b in itertools.combinations(graph.nodes, 2)
        if overlaps(a, b)
    ]
    assert clashes == []


def test_frames_hold_their_nodes_and_no_others(architecture, level):
    graph = draw(architecture, level)
    parents = {frame.id: frame.parent for frame in graph.frames}
    for frame in graph.frames:
        for node in graph.nodes:
            inside = node.frame is not None and frame.id in (
                node.frame,
                parents[node.frame],
            )
            assert contains(frame, node) == inside, (frame.id, node.id)
            assert inside or not overlaps(frame, node), (frame.id, node.id)


def test_all_lies_within_the_picture(architecture, level):
    graph = draw(architecture, level)
    for item in (*graph.nodes, *graph.frames):
        assert item.x >= 0
        assert item.y >= 0
        assert item.right <= graph.width
        assert item.bottom <= graph.height
    for x, y in itertools.chain.from_iterable(edge.points for edge in graph.edges):
        assert 0 <= x <= graph.width
        assert 0 <= y <= graph.height


def segments(edge):
    return itertools.pairwise(edge.points)


def test_lines_pass_through_no_node(architecture, level):
    graph = draw(architecture, level)
    for edge in graph.edges:
        for (x1, y1), (x2, y2) in segments(edge):
            assert x1 == x2 or y1 == y2, f"slanted line: {edge}"
            for node in graph.nodes:
                crossed = (
                    min(x1, x2) < node.right
                    and max(x1, x2) > node.x
                    and min(y1, y2) < node.bottom
                    and max(y1, y2) > node.y
                )
                assert not crossed, (edge.source, edge.target, node.id)


def test_lines_end_at_their_target(architecture, level):
    graph = draw(architecture, level)
    nodes = {node.id: node for node in graph.nodes}
    for edge in graph.edges:
        target, (x, y) = nodes[edge.target], edge.points[-1]
        assert target.x - 3 <= x <= target.right + 3
        assert target.y - 3 <= y <= target.bottom + 3


def test_lines_start_at_their_source_or_branch_off_its_line(architecture, level):
    graph = draw(architecture, level)
    nodes = {node.id: node for node in graph.nodes}
    for edge in graph.edges:
        source, (x, y) = nodes[edge.source], edge.points[0]
        at_source = (x == source.right and y == source.center[1]) or (
            x == source.center[0] and y == source.bottom
        )
        on_its_line = any(
            min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2)
            for other in graph.edges
            if other.source == edge.source and not other.shortcut
            for (x1, y1), (x2, y2) in segments(other)
        )
        assert at_source or (edge.shortcut and on_its_line), edge


def test_the_smallest_text_of_wrn_16_2_is_readable_when_fitted():
    graph = draw(describe(ModelConfig(depth=16, widen_factor=2)), "layers")
    assert min(1200 / graph.width, 560 / graph.height) > 0.9


def nodes_and_edges(dot):
    """Collect node and edge names of parsed DOT text, clusters included."""
    defaults = {"node", "edge", "graph"}
    nodes = {node.get_name().strip('"') for node in dot.get_nodes()} - defaults
    edges = [
        (edge.get_source().strip('"'), edge.get_destination().strip('"'))
        for edge in dot.get_edges()
    ]
    for cluster in dot.get_subgraphs():
        more_nodes, more_edges = nodes_and_edges(cluster)
        nodes |= more_nodes
        edges += more_edges
    return nodes, edges


def test_dot_says_the_same_as_the_picture(architecture, level):
    graph = draw(architecture, level)
    (dot,) = pydot.graph_from_dot_data(to_dot(architecture, level))
    nodes, edges = nodes_and_edges(dot)
    assert nodes == {node.id for node in graph.nodes}
    assert sorted(edges) == sorted((edge.source, edge.target) for edge in graph.edges)


@pytest.mark.parametrize("wiring", FAMILIES.values(), ids=lambda wiring: wiring.name)
def test_dot_shows_every_layer_of_every_wiring(wiring, level):
    wrn = describe(ModelConfig(depth=10, widen_factor=1, dropout=0.3), wiring)
    (dot,) = pydot.graph_from_dot_data(to_dot(wrn, level))
    nodes, edges = nodes_and_edges(dot)
    if level == "layers":
        assert nodes == {layer.name for layer in wrn.layers}
        inputs = [(x, layer.name) for layer in wrn.layers for x in layer.inputs]
        assert sorted(edges) == sorted(inputs)
    # A node for the blocks or for the group, and all that stands outside of them.
    outside = {layer.name for layer in wrn.layers if layer.group is None}
    counted = {"network": 3, "blocks": 3}
    assert level == "layers" or len(nodes - outside) == counted[level]
    assert nodes >= outside


def test_pooling_between_groups_lies_in_the_second():
    wrn = describe(ModelConfig(depth=10, widen_factor=1), FAMILIES["keras-contrib"])
    (dot,) = pydot.graph_from_dot_data(to_dot(wrn, "blocks"))
    (group,) = dot.get_subgraph("cluster_group2")
    assert {node.get_name() for node in group.get_nodes()} == {
        '"group2_pool"',
        '"group2_block1"',
    }
    assert "ReLU, three groups" in dot.get("tooltip")


def test_places_are_for_the_authors_wiring_alone():
    wrn = describe(ModelConfig(depth=10, widen_factor=1), FAMILIES["asmith26"])
    with pytest.raises(ValueError, match=r"as the authors' are.*Received: asmith26"):
        draw(wrn, "blocks")


def test_dot_has_clusters_within_clusters():
    wrn = describe(ModelConfig(depth=16, widen_factor=2))
    (dot,) = pydot.graph_from_dot_data(to_dot(wrn, "layers"))
    clusters = {
        cluster.get_name(): {inner.get_name() for inner in cluster.get_subgraphs()}
        for cluster in dot.get_subgraphs()
    }
    assert set(clusters) == {"cluster_stem", "cluster_head"} | {
        f"cluster_group{group}" for group in (1, 2, 3)
    }
    assert clusters["cluster_group2"] == {
        "cluster_group2_block1",
        "cluster_group2_block2",
    }


def test_dot_text_is_escaped():
    text = 'a "b" \\ c\nd'
    (dot,) = pydot.graph_from_dot_data(f"digraph {{ x [label={_quoted(text)}] }}")
    (node,) = dot.get_nodes()
    assert node.get_label() == '"a \\"b\\" \\\\ c\\nd"'


def test_dot_is_the_same_in_every_process():
    program = (
        "from wrn.architecture import describe\n"
        "from wrn.config import ModelConfig\n"
        "from wrn.graph import to_dot\n"
        "print(to_dot(describe(ModelConfig(depth=16, widen_factor=2)), 'layers'))"
    )
    first, second = (
        subprocess.check_output(
            [sys.executable, "-c", program],
            cwd=ROOT,
            # In which order sets are gone through.
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    )
    assert first == second
    assert first.startswith(b"digraph")


@pytest.mark.parametrize("function", [draw, to_dot])
def test_unknown_level_is_refused(function):
    wrn = describe(ModelConfig(depth=10, widen_factor=1))
    with pytest.raises(ValueError, match=r"network, blocks, layers. Received: atoms"):
        function(wrn, "atoms")


def test_without_graphviz_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not can_render()
    with pytest.raises(MissingToolError, match="apt install graphviz"):
        render("digraph { a }", "svg")


def test_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"svg, png, pdf. Received: exe"):
        render("digraph { a }", "exe")


needs_graphviz = pytest.mark.skipif(
    not can_render(), reason="Graphviz is not installed"
)
SIGNATURES = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@needs_graphviz
@pytest.mark.parametrize("format", FORMATS)
def test_image_files(format, level):
    wrn = describe(ModelConfig(depth=16, widen_factor=2, dropout=0.3))
    assert render(to_dot(wrn, level), format).startswith(SIGNATURES[format])


@needs_graphviz
def test_text_that_is_no_dot_is_refused():
    with pytest.raises(ValueError, match="DOT language"):
        render("digraph {", "svg")


def test_facts_of_a_layer_and_of_a_block():
    wrn = describe(ModelConfig(depth=16, widen_factor=2))
    conv = facts([wrn.by_name["group2_block1_conv1"]])
    assert conv == {
        "Kind": "Convolution",
        "Kernel": "3×3",
        "Stride": "2",
        "Input": "32×32×32",
        "Output": "16×16×64",
        "Parameters": f"{3 * 3 * 32 * 64:,}",
        "Multiply-adds": f"{3 * 3 * 32 * 64 * 16 * 16:,}",
        "Receptive field": conv["Receptive field"],
    }
    block = [layer for layer in wrn.layers if (layer.group, layer.block) == (2, 1)]
    told = facts(block)
    # Two BNs on 32 and 64 channels, two 3×3 convolutions, one 1×1 convolution.
    parameters = 2 * 32 + 2 * 64 + 9 * 32 * 64 + 9 * 64 * 64 + 32 * 64
    assert told["Layers"] == "8"
    assert told["Parameters"] == f"{parameters:,}"
    assert (told["Input"], told["Output"]) == ("32×32×32", "16×16×64")


def test_the_picture_is_plain_json():
    import json

    graph = draw(describe(ModelConfig(depth=16, widen_factor=2)), "layers")
    read = json.loads(json.dumps(graph.to_dict()))
    assert read["nodes"][0]["lines"] == ["Input", "32×32×3"]
