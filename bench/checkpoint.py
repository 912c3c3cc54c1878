"""The checkpoint that the baseline serves: DistilBERT-base's shape with random weights."""

from pathlib import Path


def make_checkpoint(folder: Path, tokenizer: Path) -> None:
    """Write the checkpoint into the folder unless it is there.

    ``tokenizer``: a folder with the tokenizer to copy.
    """
    # Imported here because docs.tables, which reads only results, imports this module too.
    import torch
    from transformers import (
        AutoTokenizer,
        DistilBertConfig,
        DistilBertForSequenceClassification,
    )

    if not (folder / "model.safetensors").exists():
        torch.manual_seed(0)
        DistilBertForSequenceClassification(DistilBertConfig()).save_pretrained(folder)
        AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
