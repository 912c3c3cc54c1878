"""Runs the ONNX graph of `make onnx` on random tokens: ``onnxruntime_pass.py GRAPH TOKENS PASSES``.

It runs in a Python of its own, an emulated one, in which only numpy and onnxruntime are installed.
"""

import sys

import numpy as np
import onnxruntime

graph, tokens, passes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
ids = np.random.default_rng(0).integers(1000, 30_000, (1, tokens))
lengths = np.array([tokens])
names = [each.name for each in session.get_inputs()]
inputs = dict(zip(names, (ids.astype(np.int32), lengths.astype(np.int32)), strict=True))
for _ in range(passes):
    session.run(None, inputs)
