"""The Python stack's side of a benchmark: reads one JSON request a line from stdin, answers one JSON line each.

`versions`, `linear` and `attention` need torch; `load` and `step` need transformers, peft and bitsandbytes as well.
An answer is {"seconds": ..., "cpu": ...} for timed work, or {"error": "..."}; nothing else is printed to stdout.
"""
import json
import math
import resource
import sys
import time

model = None
optimizer = None


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}, result


def versions(threads):
    import torch

    torch.set_num_threads(threads)
    found = {"python": sys.version.split()[0], "torch": torch.__version__}
    for name in ("transformers", "peft", "bitsandbytes"):
        try:
            found[name] = __import__(name).__version__
        except Exception as error:  # not only ImportError: a package may fail while it loads
            found[name] = None
            print(f"{name}: {error}", file=sys.stderr)
    return found


def linear(m, n, k, repeats):
    import torch

    x, weight = torch.randn(m, k), torch.randn(n, k)
    return timed(lambda: [torch.nn.functional.linear(x, weight) for _ in range(repeats)])[0]


def attention(tokens, heads, kv_heads, head_dim, softcap, backward, repeats):
    """Gemma 2's eager attention: scores in full, soft cap, causal mask, softmax in float32, all of one sequence."""
    import torch

    q = torch.randn(1, heads, tokens, head_dim, requires_grad=True)
    k = torch.randn(1, kv_heads, tokens, head_dim, requires_grad=True)
    v = torch.randn(1, kv_heads, tokens, head_dim, requires_grad=True)
    mask = torch.full((tokens, tokens), torch.finfo(torch.float32).min).triu(1)

    def forward():
        keys = k.repeat_interleave(heads // kv_heads, 1)
        values = v.repeat_interleave(heads // kv_heads, 1)
        scores = q @ keys.transpose(2, 3) / math.sqrt(head_dim)
        scores = torch.tanh(scores / softcap) * softcap + mask
        return torch.softmax(scores, -1, dtype=torch.float32) @ values

    if not backward:
        return timed(lambda: [forward().shape for _ in range(repeats)])[0]
    gradient = torch.randn(1, heads, tokens, head_dim)
    total = {"seconds": 0.0, "cpu": 0.0}
    for _ in range(repeats):
        output = forward()
        once = timed(lambda: output.backward(gradient))[0]
        total = {name: total[name] + once[name] for name in total}
    return total


def load(folder, layers, targets, rank, alpha, dtype="float32"):
    """The checkpoint as QLoRA trains it: NF4 with double quantisation, computed in `dtype`.

    Attention is the fastest that the family allows: Gemma 2's soft cap needs the eager one.
    """
    global model, optimizer
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForSequenceClassification, BitsAndBytesConfig

    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    gemma2 = AutoConfig.from_pretrained(folder).model_type == "gemma2"
    base = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=2,
        quantization_config=quantization,
        attn_implementation="eager" if gemma2 else "sdpa",
        dtype=getattr(torch, dtype),
    )
    lora = LoraConfig(
        task_type="SEQ_CLS", r=rank, lora_alpha=alpha, target_modules=targets, layers_to_transform=layers
    )
    model = get_peft_model(base, lora)
    model.config.use_cache = False
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    return {"trained": sum(p.numel() for p in trained)}


def step(rows, labels):
    """One step; sequences are padded on the right to the longest. Seconds of the whole, of forward and of backward."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    forward, output = timed(lambda: model(input_ids=ids, attention_mask=mask, labels=torch.tensor(labels)))
    backward, _ = timed(output.loss.backward)

    def update():
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()

    rest, _ = timed(update)
    return {
        "seconds": forward["seconds"] + backward["seconds"] + rest["seconds"],
        "forward": forward["seconds"],
        "backward": backward["seconds"],
        "loss": float(output.loss),
        "peakGiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


REQUESTS = {"versions": versions, "linear": linear, "attention": attention, "load": load, "step": step}

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print must not stand between the answers
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = REQUESTS[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
