"""A DistilBERT classifier in int8 on a CPU: token ids in, logits out.

`weights` describes a network's file; the kernels are in C, see ``native/src``.
"""

from distilbert_int8.network import MAX_THREADS, MAX_TOKENS, Network, processors
from distilbert_int8.weights import PANEL, Shape, tensor_specs, write

__all__ = [
    "MAX_THREADS",
    "MAX_TOKENS",
    "PANEL",
    "Network",
    "Shape",
    "processors",
    "tensor_specs",
    "write",
]
