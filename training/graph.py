"""The inference graph: a DistilBERT classifier written straight into ONNX, in fp32 or int8.

Built by hand rather than traced, because then each node is one that onnxruntime has a fused kernel
for, and because the last layer need only compute what the head reads: the first token's row. That
is exact and saves about a seventh of the arithmetic of six layers.

The int8 graph quantises with fixed ranges, measured beforehand (`Activations`), not with each
batch's own: so a text's score does not depend on the texts scored beside it, and no pass over the
data looks for its extremes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from transformers import DistilBertConfig

from training import quantise
from training.quantise import Activations

Weights = Mapping[str, np.ndarray]

FILE = "model.onnx"
REVISION = "revision"
"""The key in a graph's metadata: the revision of the bundle that it was derived from."""

_MICROSOFT = "com.microsoft"
_EPSILON = 1e-12
_SMOOTHING = 0.9
"""High, as a range that is fixed beforehand must hold every text's outliers."""


class _Graph:
    """Nodes and constants as they are added; each method returns the name of its output."""

    def __init__(self, activations: Activations | None) -> None:
        self.activations = activations
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, name: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(
            helper.make_node(op, inputs, [name], name=name, domain=domain, **attributes)
        )
        return name

    def product(self, name: str, rows: str, weight: np.ndarray, exact: bool = False) -> str:
        """Return ``rows @ weight.T``."""
        return self.products(rows, {name: weight}, exact)[0]

    def products(self, rows: str, weights: Weights, exact: bool = False) -> list[str]:
        """Return ``rows @ weight.T`` for each weight, quantising the rows once, or not at all."""
        if self.activations is None or exact:
            return [
                self.node("MatMul", name, rows, self.constant(f"{name}.weight", weight.T))
                for name, weight in weights.items()
            ]
        low, high, _ = self.activations[rows]
        smooth = quantise.smoothing(self.activations[rows], list(weights.values()), _SMOOTHING)
        factors = self.constant(f"{rows}.smoothing", (1 / smooth).astype(np.float32))
        smoothed = self.node("Mul", f"{rows}.smooth", rows, factors)
        least, greatest = min((low / smooth).min(), 0), max((high / smooth).max(), 0)
        scale = np.float32((greatest - least) / 255)
        scale_name = self.constant(f"{rows}.scale", np.array(scale))
        zero = self.constant(f"{rows}.zero", np.array(np.rint(-least / scale), dtype=np.uint8))
        quantised = self.node("QuantizeLinear", f"{rows}.uint8", smoothed, scale_name, zero)
        products = []
        for name, weight in weights.items():
            integers, scales = quantise.weight(weight * smooth)
            products.append(
                self.node(
                    "MatMulIntegerToFloat",
                    name,
                    quantised,
                    self.constant(f"{name}.weight", integers.T),
                    scale_name,
                    self.constant(f"{name}.scales", scales[:, 0]),
                    zero,
                    domain=_MICROSOFT,
                )
            )
        return products

    def rows(self, name: str, table: np.ndarray, indices: str) -> str:
        """Return the table's rows at the indices."""
        if self.activations is None:
            return self.node("Gather", name, self.constant(f"{name}.table", table), indices)
        quantised, scales = quantise.rows(table)
        table_name = self.constant(f"{name}.table", quantised)
        integers = self.node("Gather", f"{name}.int8", table_name, indices)
        floats = self.node("Cast", f"{name}.float", integers, to=TensorProto.FLOAT)
        scale_name = self.constant(f"{name}.scales", scales[:, None])
        factors = self.node("Gather", f"{name}.scale", scale_name, indices)
        return self.node("Mul", name, floats, factors)

    def affine(self, name: str, rows: str, weights: Weights) -> str:
        """Return ``rows @ weight.T + bias`` in fp32."""
        return self.node(
            "Gemm",
            name,
            rows,
            self.constant(f"{name}.weight", weights["weight"]),
            self.constant(f"{name}.bias", weights["bias"]),
            transB=1,
        )

    def norm(self, name: str, rows: str, weights: Weights) -> str:
        """Return the layer norm of the rows."""
        return self.node(
            "LayerNormalization",
            name,
            rows,
            self.constant(f"{name}.weight", weights["weight"]),
            self.constant(f"{name}.bias", weights["bias"]),
            epsilon=_EPSILON,
        )

    def add_norm(self, name: str, rows: str, bias: np.ndarray, skip: str, weights: Weights) -> str:
        """Return the layer norm of ``rows + bias + skip``."""
        return self.node(
            "SkipLayerNormalization",
            name,
            rows,
            skip,
            self.constant(f"{name}.weight", weights["weight"]),
            self.constant(f"{name}.beta", weights["bias"]),
            self.constant(f"{name}.bias", bias),
            domain=_MICROSOFT,
            epsilon=_EPSILON,
        )


def build(
    config: DistilBertConfig,
    weights: Weights,
    activations: Activations | None = None,
    revision: str | None = None,
) -> onnx.ModelProto:
    """Return the graph ``(input_ids, lengths) -> logits``; with activations given, in int8.

    Inputs are int32: ids (rows, width), padded on the right, and how many of each row's ids are
    real, (rows,). The logits are fp32, (rows, labels). ``weights`` is the state dict of a
    ``DistilBertForSequenceClassification``. ``revision``: of the bundle that they are derived from,
    for the graph's metadata.

    Raises:
        ValueError: the checkpoint's activation function is none of DistilBERT's.
    """
    if config.activation not in {"gelu", "relu"}:
        raise ValueError(f"activation {config.activation!r} is neither gelu nor relu")
    graph = _Graph(activations)
    embeddings = "distilbert.embeddings"
    words = graph.rows("words", weights[f"{embeddings}.word_embeddings.weight"], "input_ids")
    width = graph.node("Shape", "width", "input_ids", start=1, end=2)
    table = graph.constant("positions.table", weights[f"{embeddings}.position_embeddings.weight"])
    zero = graph.constant("zero", np.array([0], dtype=np.int64))
    positions = graph.node("Slice", "positions", table, zero, width, zero)
    embedded = graph.node("Add", "embedded", words, positions)
    hidden = graph.norm("embeddings", embedded, _part(weights, f"{embeddings}.LayerNorm"))
    for number in range(config.n_layers):
        part = _part(weights, f"distilbert.transformer.layer.{number}")
        hidden = _layer(graph, config, number, part, hidden)
    axis = graph.constant("axis", np.array([1], dtype=np.int64))
    first = graph.node("Squeeze", "first", hidden, axis)
    head = graph.affine("pre_classifier", first, _part(weights, "pre_classifier"))
    active = graph.node("Relu", "pre_classifier.relu", head)
    graph.affine("logits", active, _part(weights, "classifier"))
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["rows", "width"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["rows"]),
    ]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", config.num_labels])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "distilbert", inputs, [logits], graph.constants),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)],
        ir_version=9,
    )
    if revision is not None:
        helper.set_model_props(model, {REVISION: revision})
    return model


def _layer(
    graph: _Graph,
    config: DistilBertConfig,
    number: int,
    weights: Weights,
    hidden: str,
) -> str:
    name = f"layer{number}"
    attention = _part(weights, "attention")
    projections = {f"{name}.{part}": attention[f"{part}.weight"] for part in ("k_lin", "v_lin")}
    query_projection = {f"{name}.q_lin": attention["q_lin.weight"]}
    if number == config.n_layers - 1:  # The head reads the first token alone.
        bounds = [graph.constant(f"{name}.{i}", np.array([i], dtype=np.int64)) for i in (0, 1)]
        asking = graph.node("Slice", f"{name}.first", hidden, *bounds, bounds[1])
        [query] = graph.products(asking, query_projection)
        keys, values = graph.products(hidden, projections)
    else:
        asking = hidden
        query, keys, values = graph.products(hidden, {**query_projection, **projections})
    biases = [attention[f"{part}.bias"] for part in ("q_lin", "k_lin", "v_lin")]
    context = graph.node(
        "MultiHeadAttention",
        f"{name}.attention",
        query,
        keys,
        values,
        graph.constant(f"{name}.attention.bias", np.concatenate(biases)),
        "lengths",
        domain=_MICROSOFT,
        num_heads=config.n_heads,
    )
    out = graph.product(f"{name}.out_lin", context, attention["out_lin.weight"])
    norm = _part(weights, "sa_layer_norm")
    attended = graph.add_norm(f"{name}.attended", out, attention["out_lin.bias"], asking, norm)
    wide = graph.product(f"{name}.lin1", attended, weights["ffn.lin1.weight"])
    bias = graph.constant(f"{name}.lin1.bias", weights["ffn.lin1.bias"])
    if config.activation == "gelu":
        active = graph.node("BiasGelu", f"{name}.active", wide, bias, domain=_MICROSOFT)
    else:
        biased = graph.node("Add", f"{name}.biased", wide, bias)
        active = graph.node("Relu", f"{name}.active", biased)
    # In the lower layers the activation function lets a few channels through at many times the
    # others' size; quantised, they were half of all that int8 got wrong.
    exact = number < config.n_layers // 2
    narrow = graph.product(f"{name}.lin2", active, weights["ffn.lin2.weight"], exact)
    norm = _part(weights, "output_layer_norm")
    return graph.add_norm(name, narrow, weights["ffn.lin2.bias"], attended, norm)


def _part(weights: Weights, prefix: str) -> Weights:
    """Return the weights under the prefix, without it."""
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in weights.items()
        if name.startswith(f"{prefix}.")
    }
