#!/bin/bash
# Written by nepsbench. One task a worker; the exit marker is written last and in one step.
export NEPSBENCH_STARTED="$(date +%s)"
@@setup
cd @@directory || exit 73
rm -f exit
export NEPSBENCH_JOB_ID="$SLURM_JOB_ID"
@@threads
srun --ntasks=@@tasks --cpus-per-task=@@cpus --kill-on-bad-exit=0 --input=none \
  bash -c 'export NEPSBENCH_WORKER="$SLURM_PROCID"; exec "$@"' nepsbench @@command
code=$?
printf '%s %s\n' "$code" "$SLURM_JOB_ID" >exit.tmp && mv exit.tmp exit
exit "$code"
