"""A DistilBERT classifier that prunes tokens (`app.sentiment.token_pruning`), in `transformers`.

The reference engine and the training compute the same network.
"""

from typing import Any, NamedTuple

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from app.sentiment.token_pruning import CONFIG_KEY, parse, sampled


def prunes(config: PreTrainedConfig) -> bool:
    """Return whether a checkpoint of this configuration is a `PrunedDistilBert`."""
    return getattr(config, CONFIG_KEY, None) is not None


class Outputs(NamedTuple):
    """What a layer outputs of the tokens that it keeps."""

    hidden: torch.Tensor
    """(rows, kept, dim)"""
    positions: torch.Tensor
    """(rows, kept) of the window; ascending."""
    mask: torch.Tensor
    """(rows, kept) False for padding."""


class PrunedDistilBert(DistilBertForSequenceClassification):  # type: ignore[misc]  # it is Any
    """The parameters of a `DistilBertForSequenceClassification`, whose configuration says how
    many tokens each layer keeps; without that, all.

    It computes the same logits as that class where nothing is pruned. Rows are pruned by their
    own lengths, and padding changes no logits. The choice of tokens has no gradient.

    Raises:
        ValueError: the configuration's ``token_keep`` does not suit the network.
    """

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.pruning = parse(config.to_dict())
        self.pruned_share = 1.0
        """The share of the passes in training mode that prune, at random; all others do."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Return the logits, (rows, labels), of token ids and their mask, both (rows, tokens).

        A row's tokens come first; its padding, where the mask is 0, last.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        last = self.layers(input_ids, mask.bool())[-1]
        return SequenceClassifierOutput(logits=self.classify(last))

    def layers(self, input_ids: torch.Tensor, mask: torch.Tensor) -> list[Outputs]:
        """Return the outputs of each layer. The last one outputs [CLS] alone."""
        counts = self._counts(mask.sum(dim=1))
        positions = torch.arange(input_ids.shape[1], device=mask.device).expand_as(input_ids)
        inputs = Outputs(self.distilbert.embeddings(input_ids), positions, mask)
        *layers, last = self.distilbert.transformer.layer
        outputs = []
        for layer, count in zip(layers, counts, strict=True):
            inputs = _pruned(layer, inputs, count)
            outputs.append(inputs)
        keys_and_values = _keys_and_values(last.attention, inputs.hidden)
        cls = _outputs(last, inputs.hidden[:, :1], *keys_and_values, inputs.mask)
        return [*outputs, Outputs(cls, positions[:, :1], mask[:, :1])]

    def classify(self, last: Outputs) -> torch.Tensor:
        """Return the logits, (rows, labels), of what the last layer outputs."""
        pooled = self.dropout(torch.relu(self.pre_classifier(last.hidden[:, 0])))
        logits: torch.Tensor = self.classifier(pooled)
        return logits

    def _counts(self, lengths: torch.Tensor) -> list[torch.Tensor]:
        """Return how many tokens of each row each layer but the last outputs, (rows,) each."""
        skips = self.training and torch.rand(()).item() >= self.pruned_share
        if self.pruning is None or skips:
            return [lengths] * (self.config.n_layers - 1)
        counts = [self.pruning.counts(length) for length in lengths.tolist()]
        return list(torch.tensor(counts, device=lengths.device).T)


def _pruned(layer: Any, inputs: Outputs, counts: torch.Tensor) -> Outputs:
    """Return a layer's outputs of the tokens that it keeps, so many of each row, in their order."""
    hidden, positions, mask = inputs
    keys, values = _keys_and_values(layer.attention, hidden)
    if bool((counts == mask.sum(dim=1)).all()):
        return Outputs(_outputs(layer, hidden, keys, values, mask), positions, mask)
    with torch.no_grad():
        scores = _attention_received(layer.attention, hidden, keys, mask)
        # [CLS] is the first token. A stable order prefers the earlier of equal tokens.
        scores[:, 0] = torch.inf
        order = scores.argsort(dim=1, descending=True, stable=True)
        ranks = order.argsort(dim=1)
        keep = ranks < counts[:, None]
        kept = (~keep).int().argsort(dim=1, stable=True)[:, : int(counts.max())]
    queries = hidden.gather(1, kept[:, :, None].expand(-1, -1, hidden.shape[2]))
    outputs = _outputs(layer, queries, keys, values, mask)
    return Outputs(outputs, positions.gather(1, kept), keep.gather(1, kept))


def _attention_received(
    attention: Any, hidden: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Return the attention that the sampled tokens pay each token, over all heads, (rows, tokens).

    Padding has -1.
    """
    samples = [sampled(length) for length in mask.sum(dim=1).tolist()]
    width = max(map(len, samples))
    # Where a row has fewer samples than others, [CLS] fills the rest, and does not count.
    positions = torch.tensor([each + [0] * (width - len(each)) for each in samples])
    counted = torch.tensor([[i < len(each) for i in range(width)] for each in samples])
    positions, counted = positions.to(hidden.device), counted.to(hidden.device)
    inputs = hidden.gather(1, positions[:, :, None].expand(-1, -1, hidden.shape[2]))
    queries = _by_heads(attention, attention.q_lin(inputs))
    scores = (queries @ keys.transpose(2, 3)).float() * attention.scaling
    weights = scores.masked_fill(~mask[:, None, None], -torch.inf).softmax(dim=3)
    received: torch.Tensor = (weights.sum(dim=1) * counted[:, :, None]).sum(dim=1)
    return received.masked_fill(~mask, -1.0)


def _keys_and_values(attention: Any, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both of some tokens, (rows, tokens, dim), as (rows, heads, tokens, channels)."""
    return (
        _by_heads(attention, attention.k_lin(rows)),
        _by_heads(attention, attention.v_lin(rows)),
    )


def _by_heads(attention: Any, rows: torch.Tensor) -> torch.Tensor:
    parts: torch.Tensor = rows.unflatten(2, (attention.n_heads, -1))
    return parts.transpose(1, 2)


def _outputs(
    layer: Any,
    inputs: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
) -> torch.Tensor:
    """Return a layer's outputs, (rows, inputs, dim), for some tokens that attend to others.

    ``mask``: which of the others are no padding, (rows, tokens).
    """
    attention = layer.attention
    queries = _by_heads(attention, attention.q_lin(inputs))
    dropout = attention.dropout.p if layer.training else 0.0
    summed = _attend(attention, queries, keys, values, mask[:, None, None], dropout)
    attended = layer.sa_layer_norm(attention.out_lin(summed.transpose(1, 2).flatten(2)) + inputs)
    outputs: torch.Tensor = layer.output_layer_norm(layer.ffn(attended) + attended)
    return outputs


def _attend(
    attention: Any,
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    dropout: float,
) -> torch.Tensor:
    """Return the attention's sums of the values, (rows, heads, queries, channels)."""
    if attention.config._attn_implementation != "eager":
        return torch.nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, dropout_p=dropout, scale=attention.scaling
        )
    scores = (queries @ keys.transpose(2, 3)) * attention.scaling
    weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=3)
    return torch.nn.functional.dropout(weights, dropout).to(values.dtype) @ values
