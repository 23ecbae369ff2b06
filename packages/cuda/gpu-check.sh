#!/usr/bin/env bash
# What only a machine with an NVIDIA GPU can show, in under 8 minutes: a line of JSON a step. Later steps run although earlier ones fail.
#   gpu-check.sh        runs; makes the kit first where there is none (needs the workspace installed and built)
#   gpu-check.sh gemm full   runs these steps alone
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
wanted=" $* "
# seconds, then the step and what runs it
step() {
  local limit=$1 name=$2
  shift 2
  [ "$wanted" = "  " ] || [[ "$wanted" == *" ${name%% *} "* ]] || return 0
  timeout "$limit" "$@"
  local code=$?
  [ $code -eq 0 ] || echo "{\"step\": \"$name\", \"exit\": $code}"
}
check() { step "$1" "$2" "$node" "$KIT/check.mjs" "$2" $small; }
# seconds, the step, what python3 must import, the script
peer() {
  if python3 -c "import $3; assert torch.cuda.is_available()" 2>/dev/null; then
    step "$1" "$2" python3 "gpu-check/$4" $small
  else
    step 1 "$2" echo "{\"step\": \"$2\", \"skipped\": \"python3 lacks $3, or torch sees no GPU\"}"
  fi
}

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
peer 45 torch torch torch_rates.py
check 100 full
peer 90 peft torch,transformers,peft peft_step.py
check 40 agreement
check 20 host
check 20 memory
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step 60 "sanitize $tool" compute-sanitizer --tool "$tool" --error-exitcode 9 "$node" "$KIT/check.mjs" sanitize
  done
else
  step 1 sanitize echo '{"step": "sanitize", "skipped": "compute-sanitizer is not installed"}'
fi
