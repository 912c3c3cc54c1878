"""Writes the served weights in each peer's own format: `python -m bench.peers.prepare`.

It runs in the peers' environment, which has their converters. Options name the checkpoint in the
layout of `transformers`, the folder to write to and, for model2vec, reviews to learn from.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LENGTHS = (64, 256, 512)
"""Tokens of LiteRT's graphs, whose shapes are fixed: a text is padded to the next."""
TRAINED_TEXTS = 25_000


def main() -> None:
    """Write every file that is not there yet; say which format failed, and why."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=Path, help="Parquet with text and label, for model2vec")
    parser.add_argument("--without", type=Path, help="texts not to train on, a JSON list")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    steps: dict[str, Callable[[], None]] = {
        "head.safetensors": lambda: head(args.checkpoint, args.out / "head.safetensors"),
        "onnx": lambda: onnx(args.checkpoint, args.out / "onnx"),
        "llama.gguf": lambda: gguf(args.checkpoint, args.out / "llama.gguf"),
        "hub": lambda: hub(args.checkpoint, args.out / "hub"),
        "litert": lambda: litert(args.checkpoint, args.out / "litert"),
    }
    if args.train:
        steps["model2vec"] = lambda: model2vec(
            args.checkpoint,
            args.out / "model2vec",
            args.train,
            json.loads(args.without.read_text()),
        )
    for name, step in steps.items():
        if (args.out / name).exists():
            continue
        try:
            step()
            print(f"{name}: written", flush=True)
        except Exception as error:  # a converter may fail in any way; the others go on
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            target = args.out / name
            shutil.rmtree(target, ignore_errors=True)
            target.unlink(missing_ok=True)


def head(checkpoint: Path, out: Path) -> None:
    """Write what peers lack that compute only the encoder: the head, and the last layer norm."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    last = json.loads((checkpoint / "config.json").read_text())["n_layers"] - 1
    modules = {
        "pre_classifier": "pre_classifier",
        "classifier": "classifier",
        "norm": f"distilbert.transformer.layer.{last}.output_layer_norm",
    }
    tensors = {
        f"{name}.{kind}": weights[f"{module}.{kind}"]
        for name, module in modules.items()
        for kind in ("weight", "bias")
    }
    save_file(tensors, out)


def onnx(checkpoint: Path, out: Path) -> None:
    """Export to ONNX, fp32 and dynamically quantised, as Transformers.js's models are."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    (out / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(checkpoint / name, out / name)
    ids = torch.ones((2, 16), dtype=torch.long)
    torch.onnx.export(
        _classifier(checkpoint),
        (ids, ids),
        str(out / "onnx/model.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")},
        opset_version=14,
        dynamo=False,
    )
    quantize_dynamic(
        out / "onnx/model.onnx",
        out / "onnx/model_quantized.onnx",
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=False,
    )


def gguf(checkpoint: Path, out: Path) -> None:
    """Write llama.cpp's format: a BERT with int8 weights in blocks of 32 (Q8_0)."""
    from gguf import GGMLQuantizationType, GGUFWriter, PoolingType, TokenType, quantize
    from safetensors.numpy import load_file

    config = json.loads((checkpoint / "config.json").read_text())
    weights = load_file(checkpoint / "model.safetensors")
    writer = GGUFWriter(out, "bert")
    writer.add_block_count(config["n_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["dim"])
    writer.add_feed_forward_length(config["hidden_dim"])
    writer.add_head_count(config["n_heads"])
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.CLS)
    vocabulary = json.loads((checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_word_piece(token, special) for token in tokens])
    writer.add_token_types(
        [TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens]
    )
    writer.add_token_type_count(1)
    for name, add in (
        ("[UNK]", writer.add_unk_token_id),
        ("[SEP]", writer.add_sep_token_id),
        ("[PAD]", writer.add_pad_token_id),
        ("[CLS]", writer.add_bos_token_id),
        ("[MASK]", writer.add_mask_token_id),
    ):
        add(vocabulary[name])
    writer.add_eos_token_id(vocabulary["[SEP]"])
    for name, value in _bert(weights, config).items():
        tensor = value.astype(np.float32)
        if tensor.ndim == 2 and name.startswith(("blk.", "token_embd.")):
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _word_piece(token: str, special: set[str]) -> str:
    """Return a token as llama.cpp has it: the beginning of a word is marked, not its rest."""
    if token in special:
        return token
    return token[2:] if token.startswith("##") else f"\u2581{token}"


def _bert(weights: dict[str, np.ndarray], config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the encoder's tensors by llama.cpp's names."""
    embeddings = "distilbert.embeddings"
    tensors = {
        "token_embd.weight": weights[f"{embeddings}.word_embeddings.weight"],
        "position_embd.weight": weights[f"{embeddings}.position_embeddings.weight"],
        "token_types.weight": np.zeros((1, config["dim"]), np.float32),
        "token_embd_norm.weight": weights[f"{embeddings}.LayerNorm.weight"],
        "token_embd_norm.bias": weights[f"{embeddings}.LayerNorm.bias"],
    }
    names = {
        "attention.q_lin": "attn_q",
        "attention.k_lin": "attn_k",
        "attention.v_lin": "attn_v",
        "attention.out_lin": "attn_output",
        "sa_layer_norm": "attn_output_norm",
        "ffn.lin1": "ffn_up",
        "ffn.lin2": "ffn_down",
        "output_layer_norm": "layer_output_norm",
    }
    for i in range(config["n_layers"]):
        for theirs, name in names.items():
            for kind in ("weight", "bias"):
                source = f"distilbert.transformer.layer.{i}.{theirs}.{kind}"
                tensors[f"blk.{i}.{name}.{kind}"] = weights[source]
    return tensors


def hub(checkpoint: Path, out: Path) -> None:
    """Write a BERT of the same weights as a cache of the Hugging Face hub has it, for candle."""
    import torch
    from safetensors.torch import load_file, save_file

    config = json.loads((checkpoint / "config.json").read_text())
    snapshot = out / "models--local--sentiment/snapshots/1"
    snapshot.mkdir(parents=True)
    (out / "models--local--sentiment/refs").mkdir()
    (out / "models--local--sentiment/refs/main").write_text("1")
    names = {
        "attention.q_lin": "attention.self.query",
        "attention.k_lin": "attention.self.key",
        "attention.v_lin": "attention.self.value",
        "attention.out_lin": "attention.output.dense",
        "sa_layer_norm": "attention.output.LayerNorm",
        "ffn.lin1": "intermediate.dense",
        "ffn.lin2": "output.dense",
        "output_layer_norm": "output.LayerNorm",
    }
    tensors = {"embeddings.token_type_embeddings.weight": torch.zeros(2, config["dim"])}
    for name, value in load_file(checkpoint / "model.safetensors").items():
        if name.startswith("distilbert.embeddings."):
            tensors[name.removeprefix("distilbert.")] = value
        elif name.startswith("distilbert.transformer.layer."):
            layer, _, rest = name.removeprefix("distilbert.transformer.layer.").partition(".")
            module, _, kind = rest.rpartition(".")
            tensors[f"encoder.layer.{layer}.{names[module]}.{kind}"] = value
    save_file(
        {name: value.clone() for name, value in tensors.items()}, snapshot / "model.safetensors"
    )
    bert = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "hidden_size": config["dim"],
        "intermediate_size": config["hidden_dim"],
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": config["max_position_embeddings"],
        "num_attention_heads": config["n_heads"],
        "num_hidden_layers": config["n_layers"],
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "use_cache": True,
        "vocab_size": config["vocab_size"],
    }
    (snapshot / "config.json").write_text(json.dumps(bert))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(checkpoint / name, snapshot / name)


def litert(checkpoint: Path, out: Path) -> None:
    """Write a graph for each length, fp32 and with int8 weights (dynamic ranges)."""
    import litert_torch
    import torch
    from ai_edge_quantizer import quantizer, recipe

    out.mkdir()
    model = _classifier(checkpoint)
    for length in LENGTHS:
        ids = torch.ones((1, length), dtype=torch.long)
        plain = out / f"{length}.fp32.tflite"
        # Another tensor for the mask: of the same one twice, it makes one input.
        litert_torch.convert(model, (ids, ids.clone())).export(str(plain))
        steps = quantizer.Quantizer(str(plain), recipe.dynamic_wi8_afp32())
        steps.quantize().export_model(str(out / f"{length}.int8.tflite"))


def model2vec(checkpoint: Path, out: Path, train: Path, without: Sequence[str]) -> None:
    """Distil a vector for each token and fit a logistic regression of their means on reviews."""
    import pyarrow.parquet as pq
    from joblib import dump
    from model2vec.distill import distill_from_model
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from transformers import AutoModel, AutoTokenizer

    static = distill_from_model(
        AutoModel.from_pretrained(checkpoint),
        AutoTokenizer.from_pretrained(checkpoint),
        device="cpu",
    )
    table = pq.read_table(train, columns=["text", "label"]).to_pydict()
    left_out = set(map(_key, without))
    rows = [
        (text, int(label))
        for text, label in zip(table["text"], table["label"], strict=True)
        if _key(text) not in left_out
    ][:TRAINED_TEXTS]
    vectors = static.encode([text for text, _ in rows], use_multiprocessing=False)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(
        vectors, [label for _, label in rows]
    )
    static.save_pretrained(str(out))
    dump(fitted, out / "classifier.joblib")


def _key(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _classifier(checkpoint: Path) -> Any:
    """Return the classifier as a module from ids and mask to logits."""
    import torch
    from transformers import AutoModelForSequenceClassification

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModelForSequenceClassification.from_pretrained(
                checkpoint, dtype=torch.float32, attn_implementation="eager"
            )

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    return Logits().eval()


if __name__ == "__main__":
    main()
