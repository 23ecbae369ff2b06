"""What Python makes of the files of make.mjs: a line of JSON each; exit 1 when something differs. `python3 check.py FOLDER`."""

import glob
import json
import math
import os
import sys

folder = sys.argv[1]
failures = 0


def path(*parts):
    return os.path.join(folder, *parts)


def report(name, check):
    global failures
    try:
        line = check()
        passed = line.pop("passed")
    except Exception as error:
        line, passed = {"error": f"{type(error).__name__}: {error}"[:600]}, False
    failures += not passed
    print(json.dumps({"step": f"python {name}", "passed": passed, **line}), flush=True)


with open(path("expected.json")) as file:
    EXPECTED = json.load(file)
ADAPTER_STEP = path("exported", "checkpoint-12")


def classifier(where):
    import torch
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        where, num_labels=2, dtype=torch.float32, attn_implementation="eager"
    )


def logits_agree(model):
    import torch

    model.eval()
    worst = 0.0
    with torch.no_grad():
        for ids, want in zip(EXPECTED["rows"], EXPECTED["logits"]):
            ids = torch.tensor([ids])
            got = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].tolist()
            worst = max(worst, *(abs(a - b) for a, b in zip(got, want)))
    return {"passed": worst < 2e-5, "maxError": worst, "logits": len(EXPECTED["rows"])}


def versions():
    found = {"python": sys.version.split()[0]}
    for name in ("torch", "transformers", "peft", "tokenizers", "safetensors", "tensorboard"):
        found[name] = __import__(name).__version__
    return {"passed": True, **found}


def adapter():
    """PEFT puts the adapter on the base: the classifier's logits are ours."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(classifier(path("quickstart", "base")), path("run", "adapter"))
    return logits_agree(model)


def merged():
    """transformers loads what `arena merge` wrote, with nothing missing."""
    return logits_agree(classifier(path("merged")))


def initialisation():
    """The adapter that PEFT draws after torch.manual_seed(42) is the one that a run of ours started from, whose A moves little in 12 steps."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file

    base = classifier(path("quickstart", "base"))
    config = LoraConfig.from_pretrained(path("run", "adapter"))
    config.inference_mode = False
    torch.manual_seed(42)
    model = get_peft_model(base, config)
    trained = load_file(path("run", "adapter", "adapter_model.safetensors"))
    worst = 0.0
    for name, drawn in model.named_parameters():
        if "lora_A" in name:
            kept = trained[name.replace(".default", "")]
            worst = max(worst, float((kept - drawn).norm() / drawn.norm()))
    return {"passed": worst < 0.2, "movedByAtMost": worst}


def optimizer():
    """torch's AdamW takes the exported optimizer.pt for the groups that the Hugging Face Trainer makes, and steps."""
    import torch
    from peft import PeftModel

    model = PeftModel.from_pretrained(classifier(path("quickstart", "base")), ADAPTER_STEP, is_trainable=True)
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    # the Trainer's rule: no decay for biases and norms, of which an adapter has none
    adam = torch.optim.AdamW([{"params": [p for _, p in trained]}, {"params": []}], lr=1e-3)
    state = torch.load(os.path.join(ADAPTER_STEP, "optimizer.pt"), weights_only=True)
    groups = len(state["param_groups"])
    if groups == 1:
        adam = torch.optim.AdamW([p for _, p in trained], lr=1e-3)
    adam.load_state_dict(state)
    shapes = all(adam.state[p]["exp_avg"].shape == p.shape for _, p in trained)
    steps = {int(adam.state[p]["step"]) for _, p in trained}
    ids = torch.tensor([EXPECTED["rows"][1]])
    model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.tensor([1])).loss.backward()
    adam.step()
    scheduler = torch.load(os.path.join(ADAPTER_STEP, "scheduler.pt"), weights_only=True)
    finite = all(bool(torch.isfinite(p).all()) for _, p in trained)
    return {
        "passed": shapes and steps == {12} and finite and scheduler["last_epoch"] == 12,
        "tensors": len(trained),
        "groups": groups,
        "steps": sorted(steps),
    }


def trainer_state():
    """transformers reads trainer_state.json."""
    from transformers import TrainerState

    state = TrainerState.load_from_json(os.path.join(ADAPTER_STEP, "trainer_state.json"))
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    return {"passed": state.global_step == 12 and len(losses) == 12, "globalStep": state.global_step}


def tensorboard():
    """TensorBoard's reader finds the losses of log.jsonl."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(glob.glob(path("run", "tensorboard", "events.*"))[0])
    events.Reload()
    tags = events.Tags()["scalars"]
    logged = [line["loss"] for line in EXPECTED["log"] if "loss" in line]
    tag = next(tag for tag in tags if tag.endswith("loss") and "eval" not in tag)
    read = [event.value for event in events.Scalars(tag)]
    same = len(read) == len(logged) and all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(read, logged))
    return {"passed": same, "tags": tags, "points": len(read)}


def tokenizer():
    """tokenizers gives the ids that @arena/tokenizer gives: of the tiny base, and of Gemma 2 where its file is there."""
    from tokenizers import Tokenizer

    counts = {}
    for name, texts, ids in (
        ("quickstart/base/tokenizer.json", EXPECTED["texts"], EXPECTED["ids"]),
        ("gemma.json", EXPECTED.get("gemmaTexts"), EXPECTED.get("gemmaIds")),
    ):
        if not texts or not os.path.exists(path(name)):
            continue
        reader = Tokenizer.from_file(path(name))
        counts[name] = sum(reader.encode(text, add_special_tokens=False).ids != want for text, want in zip(texts, ids))
        counts[f"{name} texts"] = len(texts)
    return {"passed": not any(count for name, count in counts.items() if "texts" not in name), **counts}


for check in (versions, adapter, merged, initialisation, optimizer, trainer_state, tensorboard, tokenizer):
    report(check.__name__, check)
sys.exit(failures > 0)
