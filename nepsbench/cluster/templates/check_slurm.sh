fact slurm "$(sbatch --version 2>/dev/null)"
fact controller "$(sinfo -h -o %T@@cluster_option 2>/dev/null | sort -u | tr '\n' ' ')"
fact accounting "$(sacct -n -X -o jobid 2>/dev/null >/dev/null && echo yes)"
fact partition "$(sinfo -h -o '%R, %l, %D nodes, %c CPUs, %m MB' @@partition_option@@cluster_option 2>/dev/null | head -n 1)"
fact limits "$(scontrol show config 2>/dev/null | awk '$1 == "MaxArraySize" || $1 == "MaxJobCount" {printf "%s %s  ", $1, $3}')"
# What sbatch says of a small job with this site's options; nothing is submitted.
judged() { # name option...
  local name=$1 said
  shift
  if said=$(printf '#!/bin/sh\n' | timeout 30 sbatch --test-only --time=1 @@site_options "$@" 2>&1); then
    fact "$name" yes
  else
    fact "${name}_refused" "$(printf '%s' "$said" | tr '\n' ' ')"
  fi
}
judged submit
judged hold --hold
