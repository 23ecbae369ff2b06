"""transformers and PEFT beside Arena on a GGUF base: reads one JSON request a line from stdin, answers one JSON line each.

Started by gemma3-peft.mjs. The base is opened by transformers (`gguf_file=`), dequantised, float32, eager attention. Needs torch,
transformers, peft, accelerate, gguf, sentencepiece; `quantized` needs bitsandbytes as well.
"""
import json
import os
import sys

import numpy
import torch

model = None
# What a checkpoint folder is opened with: the numbers are to be those of float32 formulas.
PLAIN = {"dtype": torch.float32, "attn_implementation": "eager"}


def versions(threads):
    torch.set_num_threads(threads)
    found = {"python": sys.version.split()[0], "numpy": numpy.__version__}
    for name in ("torch", "transformers", "peft", "accelerate", "gguf", "bitsandbytes"):
        try:
            found[name] = __import__("importlib.metadata", fromlist=["version"]).version(name)
        except Exception:
            found[name] = None
    return found


def open_base(gguf):
    """The classifier over a GGUF base; its head is drawn anew each time."""
    from transformers import AutoModelForSequenceClassification, GgufConfig

    folder, name = os.path.split(os.path.abspath(gguf))
    return AutoModelForSequenceClassification.from_pretrained(
        folder, gguf_file=name, quantization_config=GgufConfig(dequantize=True), num_labels=2, **PLAIN
    )


def start(gguf, folder, rank, alpha, targets, layers, seed):
    """PEFT's own starting weights, head included, as the adapter in `folder`."""
    global model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    lora = LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=targets,
        layers_to_transform=layers,
    )
    model = get_peft_model(open_base(gguf), lora)
    model.config.use_cache = False
    model.save_pretrained(folder)
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    return {"class": type(model.base_model.model).__name__, "trained": sum(trained.values()), "tensors": len(trained)}


def padded(rows):
    """Token rows on the left of a matrix filled with the padding id, and their mask."""
    width = max(map(len, rows))
    pad = model.config.pad_token_id
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def train(folder, batches, rate, warmup, decay, clip):
    """One AdamW step a batch, the linear schedule with warm-up; the loss of each step before it is taken."""
    from transformers import get_linear_schedule_with_warmup

    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=decay)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, len(batches))
    model.train()
    losses, norms = [], []
    for batch in batches:
        loss = model(**padded(batch["rows"]), labels=torch.tensor(batch["labels"])).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained, clip)))
        losses.append(float(loss))
        print(f"PEFT step {len(losses)} of {len(batches)}: loss {losses[-1]:.4f}", file=sys.stderr)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()
    model.save_pretrained(folder)
    return {"losses": losses, "norms": norms}


def adapter(gguf, folder):
    """An adapter folder over the same base, opened anew."""
    global model
    from peft import PeftModel

    model = None
    model = PeftModel.from_pretrained(open_base(gguf), folder).eval()
    return {"class": type(model.base_model.model).__name__}


def checkpoint(folder):
    """A checkpoint folder; what transformers missed or did not expect in it is told."""
    global model
    from transformers import AutoModelForSequenceClassification

    model = None
    model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True, **PLAIN)
    model.eval()
    told = {key: sorted(map(str, info.get(key) or [])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    linear = type(model.model.layers[0].self_attn.q_proj).__name__
    return {"class": type(model).__name__, "labels": model.config.id2label, "linear": linear, **told}


def probabilities(rows):
    """Softmax of the logits, one row at a time: nothing is padded.

    With gradients on: without them bitsandbytes takes a kernel in bfloat16 on CPUs that have it, whatever the compute dtype.
    """
    logits = [model(**padded([row])).logits[0].detach() for row in rows]
    return [torch.softmax(each.double(), -1).tolist() for each in logits]


REQUESTS = {one.__name__: one for one in (versions, start, train, adapter, checkpoint, probabilities)}

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print must not stand between the answers
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = REQUESTS[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
