#!/usr/bin/env bash
# One process drives all GPUs of this node:
#     launch/single_node.sh configs/places2.py runs/places2 [--config.data.root=DIR ...]
# CUDA_VISIBLE_DEVICES=0,1,2,3 chooses among them. The same command resumes.
set -euo pipefail
config=$1 workdir=$2
shift 2
cd "$(dirname "$0")/.."
exec "${PYTHON:-python}" -m glcic_jax.main --config "$config" --workdir "$workdir" "$@"
