"""The Python stack beside Arena: reads one JSON request a line from stdin, answers one JSON line each. Started by stack.mjs.

Gradients are on where logits are taken: without them bitsandbytes takes a kernel in bfloat16 on CPUs that have it.
"""
import glob
import json
import os
import sys

import torch

PLAIN = {"dtype": torch.float32, "attn_implementation": "eager"}


def versions():
    from importlib.metadata import version

    names = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "tensorboard")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def classifier(folder, **options):
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(folder, **PLAIN, **options)


def logits(folder, rows, adapter=None, linear=None):
    """Of each row alone; `linear` is the class that the linear layers must be of."""
    from peft import PeftModel

    model = classifier(folder, **({"num_labels": 2} if adapter else {}))
    kind = type(model.model.layers[0].self_attn.q_proj).__name__
    if linear and kind != linear:
        raise ValueError(f"the linear layers are {kind}, {linear} is expected")
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    return [model(input_ids=torch.tensor([row])).logits[0].detach().tolist() for row in rows]


def draw(base, folder):
    """An adapter of PEFT's own, with B drawn as well."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    config = LoraConfig(
        task_type="SEQ_CLS", r=4, lora_alpha=16, target_modules="all-linear", rank_pattern={"down_proj": 2}, init_lora_weights=False
    )
    get_peft_model(classifier(base, num_labels=2), config).save_pretrained(folder)
    return {}


def quantize(base, folder, type, nested):
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=type, bnb_4bit_use_double_quant=nested, bnb_4bit_compute_dtype=torch.float32
    )
    classifier(base, quantization_config=config).save_pretrained(folder)
    return {}


def unequal(first, second):
    """Offsets and nested scales that differ in any bit, of two folders in 4 bits."""
    from safetensors.torch import load_file

    a, b = (load_file(os.path.join(folder, "model.safetensors")) for folder in (first, second))
    state = lambda tensor: json.loads(bytes(tensor.tolist()))["nested_offset"]
    names = [name for name in a if name.endswith(".nested_absmax") or ".quant_state." in name]
    if not names:
        raise ValueError("there are no nested scales")
    same = lambda n: torch.equal(a[n], b[n]) if n.endswith("absmax") else state(a[n]) == state(b[n])
    return sum(not same(name) for name in names)


def resume(base, from_, out, samples, steps, save, rate, decay, warmup):
    """The Trainer goes on from an exported checkpoint, with the samples in their order."""
    from peft import PeftModel
    from torch.utils.data import DataLoader
    from transformers import Trainer, TrainingArguments

    model = PeftModel.from_pretrained(classifier(base, num_labels=2), from_, is_trainable=True)
    pad = model.config.pad_token_id

    def collate(some):
        width = max(len(one["row"]) for one in some)
        ids = torch.tensor([one["row"] + [pad] * (width - len(one["row"])) for one in some])
        mask = torch.tensor([[1] * len(one["row"]) + [0] * (width - len(one["row"])) for one in some])
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([one["label"] for one in some])}

    class InOrder(Trainer):
        def get_train_dataloader(self):
            return self.accelerator.prepare(DataLoader(samples, batch_size=2, shuffle=False, collate_fn=collate))

    settings = TrainingArguments(
        output_dir=out, per_device_train_batch_size=2, max_steps=steps, save_steps=save, logging_steps=1, learning_rate=rate,
        weight_decay=decay, warmup_steps=warmup, lr_scheduler_type="linear", max_grad_norm=1.0, use_cpu=True, report_to=[],
        optim="adamw_torch", remove_unused_columns=False, disable_tqdm=True,
    )
    trainer = InOrder(model=model, args=settings, train_dataset=samples)
    trainer.train(resume_from_checkpoint=from_)
    first = int(from_.rsplit("-", 1)[1])
    return {"losses": [one["loss"] for one in trainer.state.log_history if "loss" in one and one["step"] > first]}


def events(folder):
    """The points of each tag, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (place,) = {os.path.dirname(path) for path in glob.glob(os.path.join(folder, "**", "*tfevents*"), recursive=True)}
    board = EventAccumulator(place)
    board.Reload()
    return {tag: [[one.step, one.value] for one in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


REQUESTS = {one.__name__: one for one in (versions, logits, draw, quantize, unequal, resume, events)}

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print must not stand between the answers
for line in sys.stdin:
    request = json.loads(line)
    if "from" in request:
        request["from_"] = request.pop("from")
    try:
        answer = REQUESTS[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
