#!/bin/bash
# Ends the developer cluster: its jobs, then its daemons, and nothing else. Files stay.
#
#   slurm-down.sh [--quiet]
set -eu
. "$(dirname "$0")/state.sh"
export SLURM_CONF=$STATE/slurm.conf

main() {
  local name
  if pid_of slurmctld >/dev/null && pid_of slurmd >/dev/null; then end_jobs; fi
  for name in sshd slurmd slurmctld slurmdbd mariadbd munged; do end_daemon "$name"; done
  end_strays
  [ "${1-}" = --quiet ] || echo "The developer cluster is down."
}

end_jobs() {
  timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
  for _ in {1..40}; do
    [ -n "$(timeout 10 squeue -h -t running,completing,suspended 2>/dev/null)" ] || return 0
    sleep 0.25
  done
}

end_daemon() {
  local pid
  pid=$(pid_of "$1") || return 0
  kill "$pid"
  for _ in {1..40}; do
    runs "$pid" || break
    sleep 0.25
  done
  if runs "$pid"; then kill -KILL "$pid" 2>/dev/null || true; fi
  rm -f "$STATE/run/$1.pid"
}

# Steps that outlived their slurmd: processes of a job whose SLURM_CONF is ours.
end_strays() {
  local folder
  for folder in /proc/[0-9]*; do
    { grep -qzx "SLURM_CONF=$SLURM_CONF" "$folder/environ" &&
      grep -qz '^SLURM_JOB_ID=' "$folder/environ"; } 2>/dev/null || continue
    kill -KILL "${folder#/proc/}" 2>/dev/null || true
  done
}

main "$@"
