#!/bin/sh
# Runs an Airflow command with the connection to SLURM that slurm-up.sh wrote to the shared volume.
set -eu
if [ -f "$NEPSBENCH_SLURM_STATE/env.sh" ]; then
  . "$NEPSBENCH_SLURM_STATE/env.sh"
fi
exec airflow "$@"
