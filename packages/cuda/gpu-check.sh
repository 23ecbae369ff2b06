#!/usr/bin/env bash
# What only a machine with an NVIDIA GPU can show, in under 8 minutes: a line of JSON a step. Later steps run although earlier ones fail.
#   gpu-check.sh        runs; makes the kit first where there is none (needs the workspace installed and built)
#   gpu-check.sh pack   makes packages/cuda/gpu-kit: the checks, koffi and Node, for a machine that has none of them and no network
# ARENA_CHECK_SMALL=1 takes sizes that an emulation can do.
set -uo pipefail
cd "$(dirname "$0")"
KIT=gpu-kit

pack() {
  node ../../tools/gpu-kit.mjs "$KIT" cuda
}

if [ "${1:-}" = pack ]; then
  pack
  exit
fi
[ -e "$KIT/check.mjs" ] || pack || exit 1

node=$(command -v node || true)
if [ -z "$node" ]; then
  node=$(mktemp -d)/node
  gzip -dc "$KIT/node.gz" >"$node" && chmod +x "$node" || exit 1
fi

small=${ARENA_CHECK_SMALL:+--small}
# seconds, then the step and what runs it
step() {
  local limit=$1 name=$2
  shift 2
  timeout "$limit" "$@"
  local code=$?
  [ $code -eq 0 ] || echo "{\"step\": \"$name\", \"exit\": $code}"
}
check() { step "$1" "$2" "$node" "$KIT/check.mjs" "$2" $small; }

if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,mig.mode.current --format=csv,noheader |
    while IFS= read -r line; do echo "{\"step\": \"nvidia-smi\", \"gpu\": \"$line\"}"; done
fi
check 20 versions
check 60 load # cold: the driver compiles the kernels
check 20 load # cached
check 60 conformance
check 30 training
check 60 gemm
check 30 attention
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  step 45 torch python3 gpu-check/torch_rates.py
else
  echo '{"step": "torch", "skipped": "python3 has no torch with a GPU"}'
fi
check 100 full
if python3 -c 'import torch, transformers, peft; assert torch.cuda.is_available()' 2>/dev/null; then
  step 90 peft python3 gpu-check/peft_step.py 2>/dev/null
else
  echo '{"step": "peft", "skipped": "python3 has no torch with a GPU, transformers and peft"}'
fi
check 40 agreement
check 20 host
check 20 memory
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step 40 "sanitize $tool" compute-sanitizer --tool "$tool" --error-exitcode 9 "$node" "$KIT/check.mjs" sanitize
  done
else
  echo '{"step": "sanitize", "skipped": "compute-sanitizer is not installed"}'
fi
