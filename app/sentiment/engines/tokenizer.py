"""The tokenizer of a bundle, for the engines that do not use `transformers`."""

from collections.abc import Sequence
from typing import cast

from tokenizers import Tokenizer

from app.sentiment.bundle import Bundle
from app.sentiment.slips import SlipRepair


class BundleTokenizer:
    """Does not truncate, as texts are split into windows, and does not pad, as engines do so."""

    def __init__(self, bundle: Bundle) -> None:
        self._tokenizer = Tokenizer.from_file(str(bundle.file("tokenizer.json")))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._slips = SlipRepair(self._tokenizer, english=bundle.english)
        self.start_token = cast(int, self._tokenizer.token_to_id("[CLS]"))
        self.end_token = cast(int, self._tokenizer.token_to_id("[SEP]"))

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, untruncated, without the special tokens.

        Slips of the keyboard are repaired in English (`app.sentiment.slips`).
        """
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [self._slips.repaired(encoding.ids) for encoding in encodings]
