"""A DistilBERT classifier in int8 on a CPU: token ids in, logits out.

A network's file is a safetensors file as `weights` describes it; the kernels are in C.
"""

from distilbert_int8.network import MAX_THREADS, MAX_TOKENS, Network, processors
from distilbert_int8.weights import PANEL, Shape, tensors_of, write

__all__ = [
    "MAX_THREADS",
    "MAX_TOKENS",
    "PANEL",
    "Network",
    "Shape",
    "processors",
    "tensors_of",
    "write",
]
