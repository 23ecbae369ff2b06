"""An exported judge in Python's onnxruntime: python onnx.py MODEL IDS THREADS. IDS: a list of battles, each a list of sequences."""

import json
import sys
import time

import numpy
import onnxruntime

model, ids, threads = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
begin = time.perf_counter()
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
opened = 1000 * (time.perf_counter() - begin)
logits, times = [], []
with open(ids) as file:
    battles = json.load(file)


def answer(battle):
    said = []
    for sequence in battle:
        tokens = numpy.array([sequence], dtype=numpy.int64)
        (rows,) = session.run(None, {"input_ids": tokens, "attention_mask": numpy.ones_like(tokens)})
        said += rows[0].tolist()
    return said


answer(battles[0])  # not counted: memory is taken
for battle in battles:
    begin = time.perf_counter()
    logits.append(answer(battle))
    times.append(1000 * (time.perf_counter() - begin))
json.dump({"opened": opened, "logits": logits, "times": times}, sys.stdout)
