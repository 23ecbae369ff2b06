#!/usr/bin/env bash
# What only a machine with a GPU and a Vulkan driver can show of engine `webgpu` in Node: a line of JSON a step. Later steps run although earlier ones fail.
#   webgpu-check.sh              runs; makes the kit first where there is none (needs the workspace built, and ARENA_DAWN: a folder with the package webgpu)
#   webgpu-check.sh pack         makes bench/webgpu-kit: the checks, Dawn and Node, for a machine that has none of them and no network
#   webgpu-check.sh rates full   runs these steps alone
# ARENA_CHECK_SMALL=1 takes sizes that a software adapter can do.
set -uo pipefail
cd "$(dirname "$0")"
KIT=webgpu-kit

pack() {
  node ../tools/gpu-kit.mjs "$KIT" webgpu
}

if [ "${1:-}" = pack ]; then
  pack
  exit
fi
[ -e "$KIT/check.mjs" ] || pack || exit 1
cd "$KIT"

node=$(command -v node || true)
if [ -z "$node" ]; then
  node=$(mktemp -d)/node
  gzip -dc node.gz >"$node" && chmod +x "$node" || exit 1
fi
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}

# a driver without its loader, or without the file that names it to the loader
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
manifests=$(ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json 2>/dev/null | tr '\n' ' ')
libraries=$(ldconfig -p 2>/dev/null | grep -oE 'lib(GLX_nvidia|EGL_nvidia|nvidia-vulkan-producer|vulkan|X11|Xext)\.so[.0-9]*' | sort -u | tr '\n' ' ')
echo "{\"step\": \"vulkan\", \"manifests\": \"$manifests\", \"libraries\": \"$libraries\", \"VK_DRIVER_FILES\": \"${VK_DRIVER_FILES:-}\"}"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,mig.mode.current --format=csv,noheader |
    while IFS= read -r line; do echo "{\"step\": \"nvidia-smi\", \"gpu\": \"$line\"}"; done
fi

small=${ARENA_CHECK_SMALL:+--small}
# the choice of tiles is measured for this run, and kept for the steps after it
export XDG_CACHE_HOME=$(mktemp -d)
# seconds, the step, and its flags
check() {
  timeout "$1" "$node" check.mjs "${@:2}" $small
  local code=$?
  [ $code -eq 0 ] || echo "{\"step\": \"${*:2}\", \"exit\": $code}"
  return $code
}
wanted=" $* "
step() { { [ "$wanted" = "  " ] || [[ "$wanted" == *" $2 "* ]]; } && check "$@"; }

if [ -z "${VK_DRIVER_FILES:-}" ] && ! check 30 adapter; then
  # NVIDIA's driver can be reached through either library; machines without a display have the second alone
  for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
    export VK_DRIVER_FILES=$PWD/$library.json
    echo "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"$library\", \"api_version\": \"1.3.0\"}}" >"$VK_DRIVER_FILES"
    echo "{\"step\": \"vulkan\", \"VK_DRIVER_FILES\": \"$VK_DRIVER_FILES\"}"
    check 30 adapter && break
  done
elif [ -n "${VK_DRIVER_FILES:-}" ]; then
  check 60 adapter
fi
step 120 conformance
step 60 training
step 40 numerics
step 40 products # with the tiles of a device that was not measured
step 120 tiles
step 40 products
step 60 launches
step 60 rates
step 60 rates --no-robustness
step 150 full
step 60 conformance --f16
step 60 training --f16
step 40 numerics --f16
step 60 tiles --f16
step 40 products --f16
step 60 rates --f16
step 150 full --f16
exit 0
