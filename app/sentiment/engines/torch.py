"""The reference engine: the checkpoint in `transformers`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from app.sentiment.bundle import Bundle
from app.sentiment.engines import reference
from app.sentiment.engines.pruned import PrunedDistilBert
from app.sentiment.slips import SlipRepair
from app.sentiment.token_pruning import CONFIG_KEY


class TorchEngine:
    """Computes in fp32: on a GPU if there is one, else in ``threads`` threads (0: all cores)."""

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        checkpoint = reference.checkpoint(bundle)
        # Before transformers rejects a mismatch with a message that does not name the bundle.
        with safe_open(checkpoint / reference.WEIGHTS, "pt") as weights:
            bundle.verify_outputs(*weights.get_slice("classifier.bias").get_shape())
        if threads:
            torch.set_num_threads(threads)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
        config = AutoConfig.from_pretrained(checkpoint, local_files_only=True)
        network = AutoModelForSequenceClassification
        if bundle.token_pruning:
            # A checkpoint in the cache may be older than the setting.
            setattr(config, CONFIG_KEY, asdict(bundle.token_pruning))
            network = PrunedDistilBert
        self._model = network.from_pretrained(
            checkpoint, config=config, local_files_only=True, dtype=torch.float32
        )
        self._model.eval().to(self._device)
        self._slips = SlipRepair(self._tokenizer.backend_tokenizer, english=bundle.english)
        self.start_token = cast(int, self._tokenizer.cls_token_id)
        self.end_token = cast(int, self._tokenizer.sep_token_id)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids = cast(list[list[int]], encoded["input_ids"])
        return [self._slips.repaired(of_text) for of_text in ids]

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        width = max(len(row) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        with torch.inference_mode():
            out = self._model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device))
        return cast(list[list[float]], out.logits.tolist())
