"""Python's side of bench/data.mjs: reads one JSON request a line from stdin, answers one JSON line each.

`encode` and `encode_batch` need tokenizers; `prepare` needs datasets as well. One thread: RAYON_NUM_THREADS=1 is in the environment.
An answer is {"wall": seconds, "cpu": seconds, ...}, or {"error": "..."}; nothing else is printed to stdout.
"""
import json
import sys
import time

FIELDS = ("prompt", "response_a", "response_b")
# What datasets.map hands on at a time.
BATCH = 1000


def versions():
    found = {"python": sys.version.split()[0]}
    for name in ("tokenizers", "datasets"):
        try:
            found[name] = __import__(name).__version__
        except Exception as error:  # not only ImportError: a package may fail while it loads
            found[name] = None
            print(f"{name}: {error}", file=sys.stderr)
    return found


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "result": result}


def load(tokenizer):
    """A fresh one for every measurement, so that none finds the words of another in its cache."""
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(tokenizer)
    loaded.encode_special_tokens = True  # special tokens in the texts are read as text, as ours does here
    return loaded


def texts_of(data):
    with open(data, encoding="utf-8") as lines:
        return [row[field] for row in map(json.loads, lines) for field in FIELDS]


def encode(tokenizer, data):
    loaded, texts = load(tokenizer), texts_of(data)
    return timed(lambda: sum(len(loaded.encode(text, add_special_tokens=False)) for text in texts))


def encode_batch(tokenizer, data):
    loaded, texts = load(tokenizer), texts_of(data)
    batches = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
    return timed(
        lambda: sum(len(one) for batch in batches for one in loaded.encode_batch(batch, add_special_tokens=False))
    )


def prepare(tokenizer, data, out, max_tokens):
    """Reading, dropping what teaches nothing, tokenising, cutting by field, splitting and storing, as a script would."""
    import datasets

    datasets.disable_progress_bars()
    shares = [int(max_tokens * share) for share in (0.2, 0.4, 0.4)]

    def pack(loaded, rows):
        fields = [
            [one.ids[:share] for one in loaded.encode_batch(rows[field], add_special_tokens=False)]
            for field, share in zip(FIELDS, shares)
        ]
        labels = [["model_a", "model_b", "tie"].index(winner) for winner in rows["winner"]]
        return {"input_ids": [prompt + a + b for prompt, a, b in zip(*fields)], "labels": labels}

    def work():
        loaded = load(tokenizer)
        rows = datasets.load_dataset("json", data_files=data, split="train", cache_dir=f"{out}/cache")
        rows = rows.filter(lambda row: row["winner"] != "tie" and row["response_a"] != row["response_b"])
        # new_fingerprint: else the tokenizer is pickled to name the cache's file.
        packed = rows.map(
            lambda batch: pack(loaded, batch),
            batched=True,
            batch_size=BATCH,
            remove_columns=rows.column_names,
            new_fingerprint="packed",
        )
        parts = packed.train_test_split(test_size=0.3, seed=1)
        datasets.DatasetDict(parts).save_to_disk(f"{out}/stored")
        return len(packed)

    return timed(work)


REQUESTS = {"versions": versions, "encode": encode, "encode_batch": encode_batch, "prepare": prepare}

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print must not stand between the answers
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = REQUESTS[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
