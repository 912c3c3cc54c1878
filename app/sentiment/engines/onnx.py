"""The engine that Lambda runs: the int8 graph in onnxruntime, tokens by `tokenizers`."""

import os
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.sentiment.bundle import Bundle

# onnxruntime reports its use to its makers unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


class OnnxEngine:
    """``threads``: how many compute; 0 leaves the choice to onnxruntime, one for each core.

    ``model``: a serialised graph to run in place of the bundle's own, such as its fp32 sibling.
    """

    def __init__(self, bundle: Bundle, threads: int = 0, model: bytes | None = None) -> None:
        self._tokenizer = Tokenizer.from_file(str(bundle.file("tokenizer.json")))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.start_token = cast(int, self._tokenizer.token_to_id("[CLS]"))
        self.end_token = cast(int, self._tokenizer.token_to_id("[SEP]"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model or str(bundle.file("model.onnx")), options, providers=["CPUExecutionProvider"]
        )

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        if len(texts) == 1:
            return [self._tokenizer.encode(texts[0], add_special_tokens=False).ids]
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def logits(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        inputs = {"input_ids": ids, "lengths": lengths}
        return cast(NDArray[np.float32], self._session.run(["logits"], inputs)[0])
