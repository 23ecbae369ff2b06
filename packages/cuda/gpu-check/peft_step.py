"""The same training step by transformers and PEFT on the same card: Gemma 2 2B with random weights, 1,900 tokens, a line of JSON each.

`bf16`: the base in bfloat16. `nf4`: linears in NF4 with double quantisation, decoded to bfloat16 before each product, forward and
backward, as bitsandbytes does, by a kernel in Triton. Both under autocast, as the Trainer's `bf16=True` has it. Attention: `eager` has
Gemma's soft cap; `sdpa` leaves it out. `--small` is for a machine without a GPU.
"""

import json
import sys
import time
import traceback

import torch
import torch.nn as nn

SMALL = "--small" in sys.argv
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOKENS = 60 if SMALL else 1900
STEPS = 3 if SMALL else 8
FIRST_LAYER = 6
BLOCK = 64
# the field's table of NF4 (Dettmers et al. 2023)
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip

try:
    import triton
    import triton.language as tl

    @triton.jit
    def decode(codes, absmax, nested, dynamic, table, out, offset, count, BYTES: tl.constexpr):
        at = tl.program_id(0) * BYTES + tl.arange(0, BYTES)
        inside = at < count
        pair = tl.load(codes + at, mask=inside, other=0).to(tl.int32)
        block = at // 32
        code = tl.load(absmax + block, mask=inside, other=0).to(tl.int32)
        scale = tl.load(dynamic + code, mask=inside, other=0.0)
        scale = scale * tl.load(nested + block // 256, mask=inside, other=0.0) + offset
        high = tl.load(table + (pair >> 4), mask=inside, other=0.0) * scale
        low = tl.load(table + (pair & 15), mask=inside, other=0.0) * scale
        tl.store(out + 2 * at, high.to(tl.bfloat16), mask=inside)
        tl.store(out + 2 * at + 1, low.to(tl.bfloat16), mask=inside)
except ImportError:
    decode = None


class Nf4Linear(nn.Linear):
    """A linear layer [out, in] whose weight is random NF4 codes, decoded when it is used."""

    def __init__(self, n, k):
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.bias = k, n, None
        codes = torch.randint(0, 256, (n * k // 2, 1), dtype=torch.uint8, device=DEVICE)
        self.weight = nn.Parameter(codes, requires_grad=False)
        blocks = n * k // BLOCK
        self.absmax = torch.randint(0, 256, (blocks,), dtype=torch.uint8, device=DEVICE)
        self.nested = torch.full(((blocks + 255) // 256,), 0.18 / k**0.5, device=DEVICE)
        self.offset = 1.8 / k**0.5
        self.dynamic = torch.linspace(-1, 1, 256, device=DEVICE)
        self.table = torch.tensor(NF4, device=DEVICE)

    def decoded(self):
        n, k = self.out_features, self.in_features
        if decode is None or DEVICE == "cpu":
            scale = self.dynamic[self.absmax.long()] * self.nested.repeat_interleave(256)[: self.absmax.numel()] + self.offset
            codes = self.weight.view(-1).long()
            values = self.table[torch.stack((codes >> 4, codes & 15), 1)].view(-1, BLOCK)
            return (values * scale[:, None]).view(n, k).to(torch.bfloat16)
        out = torch.empty(n, k, dtype=torch.bfloat16, device=DEVICE)
        count = n * k // 2
        decode[(triton.cdiv(count, 1024),)](
            self.weight, self.absmax, self.nested, self.dynamic, self.table, out, self.offset, count, BYTES=1024
        )
        return out

    def forward(self, x):
        return Product.apply(x.to(torch.bfloat16), self)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):
        ctx.layer = layer
        return x @ layer.decoded().T

    @staticmethod
    def backward(ctx, dy):
        return dy.to(torch.bfloat16) @ ctx.layer.decoded(), None


def model_of(quantized, attention):
    from peft import LoraConfig, get_peft_model
    from transformers import Gemma2Config, Gemma2ForSequenceClassification

    shape = dict(hidden_size=2304, intermediate_size=9216, num_hidden_layers=26, num_attention_heads=8)
    shape |= dict(num_key_value_heads=4, head_dim=256, vocab_size=256000)
    if SMALL:
        shape |= dict(hidden_size=64, intermediate_size=128, num_hidden_layers=8, num_attention_heads=2)
        shape |= dict(num_key_value_heads=1, head_dim=32, vocab_size=1000)
    config = Gemma2Config(**shape, num_labels=2, pad_token_id=0, use_cache=False)
    config._attn_implementation = attention
    with torch.device(DEVICE):
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        base = Gemma2ForSequenceClassification(config)
        torch.set_default_dtype(before)
    if quantized:
        for layer in base.model.layers:
            for block in (layer.self_attn, layer.mlp):
                for name, child in list(block.named_children()):
                    if isinstance(child, nn.Linear):
                        setattr(block, name, Nf4Linear(child.out_features, child.in_features))
    lora = LoraConfig(
        task_type="SEQ_CLS",
        r=16,
        lora_alpha=32,
        lora_dropout=0.05,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        layers_to_transform=list(range(FIRST_LAYER, config.num_hidden_layers)),
    )
    model = get_peft_model(base, lora)
    model.train()
    return model


def measure(quantized, attention):
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    model = model_of(quantized, attention)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=DEVICE == "cuda")
    vocabulary = 900 if SMALL else 250000
    ids = torch.tensor([[3 + i * 7919 % vocabulary for i in range(TOKENS)]], device=DEVICE)
    mask = torch.ones_like(ids)
    times = []
    for step in range(STEPS):
        start = time.perf_counter()
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            loss = model(input_ids=ids, attention_mask=mask, labels=torch.tensor([step % 2], device=DEVICE)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        value = loss.item()
        times.append(time.perf_counter() - start)
    median = sorted(times[2:])[len(times[2:]) // 2]
    peak = torch.cuda.max_memory_allocated() if DEVICE == "cuda" else 0
    return {
        "trained": sum(p.numel() for p in trained),
        "stepMs": 1000 * median,
        "tokensPerSecond": TOKENS / median,
        "peakBytes": peak,
        "lastLoss": value,
    }


import peft
import transformers

print(json.dumps({"step": "peft versions", "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}))
for quantized, attention in ((True, "eager"), (False, "eager"), (True, "sdpa")):
    line = {"step": "peft full", "base": "nf4" if quantized else "bf16", "attention": attention}
    try:
        line |= measure(quantized, attention)
    except Exception as error:
        line["error"] = f"{type(error).__name__}: {error}"[:300] + " | " + " ".join(traceback.format_exc().split()[-60:])
    print(json.dumps(line), flush=True)
