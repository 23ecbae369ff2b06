"""torch's rates on the same shapes and card, in the same run: a line of JSON each."""

import json
import time

import torch

SHAPES = [(2048, 2304), (1024, 2304), (2304, 2048), (9216, 2304), (2304, 9216)]


def seconds(call, count=20):
    rounds = []
    for _ in range(6):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            call()
        torch.cuda.synchronize()
        rounds.append((time.perf_counter() - start) / count)
    return sorted(rounds[1:])[2]


def rate(flops, call):
    took = seconds(call)
    return {"us": round(took * 1e6), "tflops": flops / took / 1e12}


print(json.dumps({"step": "torch", "torch": torch.__version__, "device": torch.cuda.get_device_name()}))
for m in (1900, 8192):
    for n, k in SHAPES:
        line = {"step": "torch gemm", "m": m, "n": n, "k": k}
        for name, dtype in (("bf16", torch.bfloat16), ("f32", torch.float32)):
            x, w = torch.randn(m, k, device="cuda", dtype=dtype), torch.randn(n, k, device="cuda", dtype=dtype)
            line[name] = rate(2 * m * n * k, lambda: x @ w.T)
        print(json.dumps(line))
for tokens in (1900, 4096):
    q, k, v = (torch.randn(1, 8, tokens, 256, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    flops = 2 * tokens * tokens * 8 * 256
    attend = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    out = attend()
    grad = torch.randn_like(out)
    print(
        json.dumps(
            {
                "step": "torch attention",
                "tokens": tokens,
                "forward": rate(flops, attend),
                "backward": rate(2.5 * flops, lambda: out.backward(grad, retain_graph=True)),
            }
        )
    )
