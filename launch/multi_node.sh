#!/usr/bin/env bash
# One process per node, which drives all its GPUs; the same command on every node but for RANK:
#     launch/multi_node.sh HOST:PORT NODES RANK configs/places2.py RUN [--config.data.root=DIR ...]
# HOST is the node of rank 0. From one machine, by ssh or by mpirun (there RANK is the word mpi):
#     for rank in 0 1; do
#         ssh "node$rank" "cd $PWD && launch/multi_node.sh node0:1234 2 $rank CONFIG RUN" &
#     done; wait
#     mpirun --host node0,node1 --map-by ppr:1:node launch/multi_node.sh node0:1234 2 mpi CONFIG RUN
# Processes know each other by RUN/.token, which process 0 writes: RUN must be on storage that all share.
# Given again, on any number of nodes that the batch divides over, the command resumes.
set -euo pipefail
coordinator=$1 nodes=$2 rank=$3 config=$4 workdir=$5
shift 5
if [ "$rank" = mpi ]; then
    rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:?not started by mpirun}}
fi
cd "$(dirname "$0")/.."
exec "${PYTHON:-python}" -m glcic_jax.main --coordinator "$coordinator" --num_processes "$nodes" \
    --process_id "$rank" --config "$config" --workdir "$workdir" "$@"
