"""The side of transformers and PEFT of bench/predict.mjs: one JSON request a line on stdin, one JSON answer each on stdout."""
import json
import os
import resource
import sys
import time

TOKENS = 4096  # of a batch, padding included
answers = sys.stdout
sys.stdout = sys.stderr
model = None
rows = None


def load(base, adapter, threads, dtype, rows):
    """The same tokens; the GGUF's linears widened to `dtype`, the adapter on top."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, GgufConfig

    torch.set_num_threads(threads)
    folder, name = os.path.split(os.path.abspath(base))
    whole = AutoModelForSequenceClassification.from_pretrained(
        folder,
        gguf_file=name,
        quantization_config=GgufConfig(dequantize=True),
        num_labels=2,
        dtype=getattr(torch, dtype),
    )
    whole.config.pad_token_id = 0
    globals()["model"] = PeftModel.from_pretrained(whole, adapter).eval()
    globals()["rows"] = rows
    return {}


def predict():
    """P(A) of each battle, the mean of both orders, in batches of like length, the longest first."""
    import torch

    begin = time.perf_counter()
    logits = [None] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    with torch.no_grad():
        while order:
            width = len(rows[order[-1]])
            count = max(1, TOKENS // width)
            taken, order = order[-count:], order[:-count]
            ids = torch.tensor([rows[i] + [0] * (width - len(rows[i])) for i in taken])
            mask = torch.tensor([[1] * len(rows[i]) + [0] * (width - len(rows[i])) for i in taken])
            for i, row in zip(taken, model(input_ids=ids, attention_mask=mask).logits.double()):
                logits[i] = row
    seconds = time.perf_counter() - begin
    shares = [torch.softmax(row, -1) for row in logits]
    p = [float(shares[i][0] + shares[i + 1][1]) / 2 for i in range(0, len(rows), 2)]
    return {"seconds": seconds, "p": p, "peakGiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"load": load, "predict": predict}[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
