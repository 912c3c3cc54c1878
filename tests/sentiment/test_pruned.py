from itertools import pairwise

import pytest
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from app.sentiment.engines.pruned import PrunedDistilBert
from app.sentiment.token_pruning import CONFIG_KEY, TokenPruning, sampled

LENGTHS = (5, 12, 14, 20, 33, 40)
KEEP = {"minimum": 12, "percent": [100, 50, 30]}


def config(keep: dict[str, object] | None = None) -> DistilBertConfig:
    settings = {} if keep is None else {CONFIG_KEY: keep}
    return DistilBertConfig(
        vocab_size=64,
        dim=32,
        hidden_dim=64,
        n_layers=4,
        n_heads=4,
        max_position_embeddings=64,
        num_labels=3,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
        **settings,
    )


@pytest.fixture(params=["eager", "sdpa"])
def plain(request) -> DistilBertForSequenceClassification:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = DistilBertForSequenceClassification(config())
    with torch.no_grad():  # so that tokens, heads and texts differ
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1)
    model.set_attn_implementation(request.param)
    return model.eval()


def pruned(plain, keep=KEEP) -> PrunedDistilBert:
    model = PrunedDistilBert(config(keep))
    model.load_state_dict(plain.state_dict())
    model.set_attn_implementation(plain.config._attn_implementation)
    return model.eval()


def batch(lengths) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random ids and their mask, with something other than 0 in the padding."""
    ids = torch.full((len(lengths), max(lengths)), 7)
    mask = torch.zeros_like(ids)
    for i, length in enumerate(lengths):
        generator = torch.Generator().manual_seed(length)
        ids[i, :length] = torch.randint(64, (length,), generator=generator)
        mask[i, :length] = 1
    return ids, mask


def logits(model, lengths) -> torch.Tensor:
    ids, mask = batch(lengths)
    return model(input_ids=ids, attention_mask=mask).logits


@pytest.mark.parametrize("keep", [None, {"minimum": 64, "percent": [50, 50, 50]}])
def test_without_pruning_the_logits_are_the_plain_networks(plain, keep):
    torch.testing.assert_close(logits(pruned(plain, keep), LENGTHS), logits(plain, LENGTHS))


def test_windows_up_to_the_minimum_keep_all_tokens_and_longer_ones_do_not(plain):
    ours, reference = logits(pruned(plain), LENGTHS), logits(plain, LENGTHS)
    differences = (ours - reference).abs().amax(dim=1)
    for length, difference in zip(LENGTHS, differences.tolist(), strict=True):
        assert (difference > 1e-4) == (length > KEEP["minimum"]), length


def test_logits_do_not_depend_on_the_batch(plain):
    model = pruned(plain)
    together = logits(model, LENGTHS)
    for i, length in enumerate(LENGTHS):
        torch.testing.assert_close(logits(model, [length]), together[i : i + 1])


def test_the_tokens_that_receive_most_attention_are_output(plain):
    length, first = 40, plain.distilbert.transformer.layer[0].attention
    ids, mask = batch([length])
    embedded = plain.distilbert.embeddings(ids)[0]
    queries, keys = (
        linear(embedded).reshape(length, 4, 8) for linear in (first.q_lin, first.k_lin)
    )
    scores = torch.einsum("qhc,khc->qhk", queries[sampled(length)], keys).div(8**0.5)
    received = scores.softmax(dim=2).sum(dim=(0, 1))
    received[0] = torch.inf  # [CLS] is always output
    expected = sorted(received.argsort(descending=True)[:20].tolist())

    seen = []
    model = pruned(plain, {"minimum": 2, "percent": [47, 47, 47]})
    model.distilbert.transformer.layer[1].attention.k_lin.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    model(input_ids=ids, attention_mask=mask)
    outputs = plain.distilbert.transformer.layer[0](embedded[None])
    torch.testing.assert_close(seen[0], outputs[:, expected])
    assert model.layers(ids, mask.bool())[0].positions.tolist() == [expected]


def test_each_layer_outputs_some_of_the_tokens_that_it_reads(plain):
    ids, mask = batch(LENGTHS)
    outputs = pruned(plain).layers(ids, mask.bool())
    counts = [TokenPruning(**KEEP).counts(length) for length in LENGTHS]
    assert [each.mask.sum(dim=1).tolist() for each in outputs[:-1]] == list(
        map(list, zip(*counts, strict=True))
    )
    for row in range(len(LENGTHS)):
        kept = [set(each.positions[row][each.mask[row]].tolist()) for each in outputs]
        assert all(above <= below for below, above in pairwise(kept))
        assert kept[-1] == {0}


def test_kept_tokens_have_gradients(plain):
    model = pruned(plain).train()
    logits(model, LENGTHS).logsumexp(dim=1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    assert model.distilbert.transformer.layer[0].ffn.lin1.weight.grad.abs().sum() > 0


def test_a_share_of_the_passes_in_training_mode_prunes(plain):
    model, reference = pruned(plain), logits(plain, [40])
    model.pruned_share = 0.5
    with torch.no_grad():
        passes = [logits(model.train(), [40]) for _ in range(40)]
        serving = [logits(model.eval(), [40]) for _ in range(10)]
    unpruned = [torch.allclose(each, reference, atol=1e-5) for each in passes]
    assert 8 <= sum(unpruned) <= 32
    assert not any(torch.allclose(each, reference, atol=1e-5) for each in serving)


def test_it_runs_in_bf16(plain):
    model = pruned(plain).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = logits(model, LENGTHS).float().logsumexp(dim=1).sum()
    loss.backward()
    assert loss.isfinite()


def test_a_saved_checkpoint_is_loaded_with_its_pruning(plain, tmp_path):
    model = pruned(plain)
    model.save_pretrained(tmp_path)
    loaded = PrunedDistilBert.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(logits(loaded, LENGTHS), logits(model, LENGTHS))


def test_a_pruning_of_another_number_of_layers_is_refused():
    with pytest.raises(ValueError, match="2 numbers, but the network has 4 layers"):
        PrunedDistilBert(config({"minimum": 12, "percent": [50, 50]}))
