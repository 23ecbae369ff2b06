"""A judge of votes by transformers and PEFT, beside `arena train`: python bench/peer-votes.py FOLDER

bench/real-votes.mjs writes the folder and starts this. It has peer.json (the settings, named as Arena's) and the tokens as Arena
packs them: batches.jsonl, one optimizer step a line in Arena's order, `rows` (token ids a sequence; with Bradley-Terry A, B, A, B...)
and `targets` (the class, or the probability that B wins); validation.jsonl and test.jsonl, one battle a line, `id` and `rows`
(both orders for a classifier; A, B for Bradley-Terry).
It writes log.jsonl, predictions-validation.jsonl, predictions-test.jsonl and, last, peer-result.json.

The base is bfloat16, the adapter and the head are float32; the head reads the last token, as Arena pools. Needs torch,
transformers, peft, accelerate, gguf and sentencepiece.
"""
import json
import math
import os
import resource
import sys
import time
from importlib.metadata import version

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional as F
from transformers import AutoModelForSequenceClassification, GgufConfig, get_scheduler
from transformers.utils import logging

EVALUATION_TOKENS = 4096
# sequences that are padded to one width
TOGETHER = 4
logging.set_verbosity_error()
logging.disable_progress_bar()


def read_lines(path):
    with open(path, encoding="utf8") as file:
        return [json.loads(line) for line in file]


def open_model(settings):
    """The decoder with an adapter, and a head of its own [labels, width]."""
    folder, name = os.path.split(os.path.abspath(settings["base"]))
    whole = AutoModelForSequenceClassification.from_pretrained(
        folder,
        gguf_file=name,
        quantization_config=GgufConfig(dequantize=True),
        num_labels=settings["labels"],
        dtype=torch.bfloat16,
    )
    whole.config.use_cache = False
    torch.manual_seed(settings["seed"])
    lora = LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=settings["targets"],
        layers_to_transform=settings["layers"],
    )
    get_peft_model(whole, lora)  # in place; the adapter is float32 over a bfloat16 base
    body = whole.model
    head = torch.nn.Linear(whole.config.hidden_size, settings["labels"], bias=False)
    torch.nn.init.normal_(head.weight, std=settings["headStd"])
    return body, head


def padded_logits(model, rows):
    """Logits of the last token of each row, float32 [rows, labels]. Padded on the right to the longest."""
    body, head = model
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    states = body(input_ids=ids, attention_mask=mask).last_hidden_state
    last = torch.tensor([len(row) - 1 for row in rows])
    return head(states[torch.arange(len(rows)), last].float())


def loss_of(logits, targets, settings):
    """The summed loss. Bradley-Terry's targets are smoothed already, as Arena's are."""
    if settings["loss"] == "bradley-terry":
        margins = logits[1::2, 0] - logits[0::2, 0]
        return F.binary_cross_entropy_with_logits(margins, torch.tensor(targets, dtype=torch.float32), reduction="sum")
    return F.cross_entropy(logits, torch.tensor(targets), label_smoothing=settings["labelSmoothing"], reduction="sum")


def backward(model, batch, settings):
    """Gradients of the batch's mean loss, which is returned. A few battles of like length at a time: little padding, less memory."""
    rows, targets = batch["rows"], batch["targets"]
    each = len(rows) // len(targets)
    of = [rows[each * i : each * (i + 1)] for i in range(len(targets))]
    order = sorted(range(len(targets)), key=lambda i: max(map(len, of[i])))
    size = max(1, TOGETHER // each)
    total = 0.0
    for begin in range(0, len(order), size):
        taken = order[begin : begin + size]
        logits = padded_logits(model, [row for i in taken for row in of[i]])
        loss = loss_of(logits, [targets[i] for i in taken], settings) / len(targets)
        loss.backward()
        total += loss.item()
    return total


@torch.no_grad()
def predict(model, battles, settings):
    """P(A) of each battle, shown as A, B and, by a classifier, as B, A."""
    model[0].eval()
    rows = [row for battle in battles for row in battle["rows"]]
    logits = [None] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    while order:
        # the longest first: a batch is as wide as its first row
        count = max(1, EVALUATION_TOKENS // len(rows[order[-1]]))
        taken, order = order[-count:], order[:-count]
        for i, row in zip(taken, padded_logits(model, [rows[i] for i in taken]).double()):
            logits[i] = row
    predictions = []
    for i, battle in enumerate(battles):
        first, second = logits[2 * i], logits[2 * i + 1]
        if settings["loss"] == "bradley-terry":
            one = {"probabilityA": float(torch.sigmoid(first[0] - second[0]))}
            one["rewards"] = [float(first[0]), float(second[0])]
        else:
            one = {"probabilityA": float(torch.softmax(first, -1)[0])}
            one["probabilityASwapped"] = float(torch.softmax(second, -1)[1])
        predictions.append({"id": battle["id"], **one})
    model[0].train()
    return predictions


def measure(predictions, battles):
    """Log loss and accuracy in the order A, B."""
    shares = [(one["probabilityA"], battle["shareA"]) for one, battle in zip(predictions, battles)]
    tiny = 1e-12
    loss = -sum(y * math.log(max(p, tiny)) + (1 - y) * math.log(max(1 - p, tiny)) for p, y in shares) / len(shares)
    return loss, sum(y if p >= 0.5 else 1 - y for p, y in shares) / len(shares)


def train(model, folder, settings):
    """The steps of batches.jsonl; with evalEvery the weights that end are the best by validation log loss."""
    body, head = model
    trained = [p for p in [*body.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["learningRate"], weight_decay=settings["weightDecay"])
    batches = read_lines(f"{folder}/batches.jsonl")
    validation = read_lines(f"{folder}/validation.jsonl")
    schedule = get_scheduler(settings["schedule"], optimizer, settings["warmupSteps"], settings["totalSteps"])
    best, worse, tokens, begin = None, 0, 0, time.time()
    body.train()
    with open(f"{folder}/log.jsonl", "w", encoding="utf8") as log:

        def note(entry):
            print(json.dumps(entry), file=log, flush=True)

        for step, batch in enumerate(batches, 1):
            rate = schedule.get_last_lr()[0]
            value = backward(model, batch, settings)
            norm = torch.nn.utils.clip_grad_norm_(trained, settings["maxGradNorm"] or math.inf)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            tokens += sum(map(len, batch["rows"]))
            note({"step": step, "loss": value, "grad_norm": norm.item(), "learning_rate": rate})
            if step % 4 == 0:
                print(f"step {step}/{len(batches)}  loss {value:.3f}  {tokens / (time.time() - begin):.0f} tokens/s", flush=True)
            every = settings.get("evalEvery")
            if every and (step % every == 0 or step == len(batches)):
                held, accuracy = measure(predict(model, validation, settings), validation)
                note({"step": step, "eval_loss": held, "eval_accuracy": accuracy})
                print(f"step {step}: validation {held:.4f} {accuracy:.4f}", flush=True)
                if best is None or held < best[0]:
                    best, worse = (held, step, [p.detach().clone() for p in trained]), 0
                else:
                    worse += 1
                    if worse == settings.get("patience"):
                        break
    seconds = time.time() - begin
    if best:
        with torch.no_grad():
            for p, kept in zip(trained, best[2]):
                p.copy_(kept)
    return {"steps": step, "bestStep": best and best[1], "trainSeconds": seconds, "tokens": tokens}


def main(folder):
    begin = time.time()
    with open(f"{folder}/peer.json", encoding="utf8") as file:
        settings = json.load(file)
    torch.set_num_threads(settings["threads"])
    model = open_model(settings)
    numbers = sum(p.numel() for part in model for p in part.parameters() if p.requires_grad)
    print(f"{type(model[0]).__name__}: {numbers} trained numbers", flush=True)
    result = train(model, folder, settings)
    for part in ("validation", "test"):
        predictions = predict(model, read_lines(f"{folder}/{part}.jsonl"), settings)
        with open(f"{folder}/predictions-{part}.jsonl", "w", encoding="utf8") as file:
            file.writelines(f"{json.dumps(one)}\n" for one in predictions)
    names = ("torch", "transformers", "peft", "gguf")
    result["versions"] = {"python": sys.version.split()[0], **{name: version(name) for name in names}}
    result["trained"] = numbers
    result["seconds"] = time.time() - begin
    result["peakBytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(f"{folder}/peer-result.json.part", "w", encoding="utf8") as file:
        json.dump(result, file)
    os.replace(f"{folder}/peer-result.json.part", f"{folder}/peer-result.json")


if __name__ == "__main__":
    main(sys.argv[1])
