#!/bin/bash
# Written by nepsbench. One job of a submission, one task a worker; the exit marker is written last.
export NEPSBENCH_STARTED="$(date +%s)"
nb_folder=@@folder index=${SLURM_ARRAY_TASK_ID:-0}
nb_index=$index nb_id=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID} nb_records=$nb_folder/tasks/$index
@@functions
. "$nb_folder/jobs.sh" || exit 73
# The job on record is the one that everybody speaks of; another one of its name is a duplicate.
nb_recorded=
{ read -r nb_recorded <"$nb_folder/id"; } 2>/dev/null
nb_recorded=${nb_recorded%%;*}
[ "${nb_recorded:-$nb_id}" = "$nb_id" ] || exit 76
gate "$nb_folder" "$nb_index" "$nb_id" "$directory"

# Nothing could begin.
nb_refuse() {
  trap - EXIT
  mark_end "$nb_folder" "$nb_index" "$nb_id" 73 refused -1 0
  exit 73
}
nb_explain() {
  nb_why=terminated
  [ "$(date +%s)" -lt "$((NEPSBENCH_STARTED + @@killed_after))" ] || nb_why=timeout
}
# Told to end: a marker at once, as there may be no time for a better one.
nb_told() {
  nb_explain
  mark_end "$nb_folder" "$nb_index" "$nb_id" 143 "$nb_why" "$(progress_of "${manifests[@]}")" 0
}
# A job that ends when it is told to, within the grace of a preemption or by a late word that was meant
# for its run before, is over for SLURM, unless it asks to come back. What was cancelled, or is out of
# time, is not RUNNING any more.
nb_come_back() {
  if [ -n @@requeue ] && [ "$nb_why" = terminated ] &&
    [ "$(timeout 10 squeue -h -j "$SLURM_JOB_ID" -o %T)" = RUNNING ]; then
    timeout 10 scontrol requeue "$SLURM_JOB_ID"
  fi
}
# Prints the worst exit code: srun's, or that of a task; 143 for one that left no word of its end.
nb_worst() {
  local worst=${1:-143} task own
  for ((task = 0; task < @@tasks; task++)); do
    own=
    read -r own _ <"$nb_records/$task"
    [[ $own =~ ^[0-9]+$ ]] || own=143
    [ "$own" -le "$worst" ] || worst=$own
  done 2>/dev/null
  echo "$worst"
}

trap nb_refuse EXIT
mkdir -p -- "$directory" "$nb_records" && cd -- "$directory" && exec >>stdout 2>>stderr || exit
rm -f -- "$nb_folder/ends/$nb_index" "$nb_records"/* "${manifests[@]}" || exit
nb_why=
trap nb_told TERM
@@setup
# The block may have left options, variables and another folder behind.
set +eu
index=$nb_index
. "$nb_folder/jobs.sh" && cd -- "$directory" || exit
export NEPSBENCH_JOB_ID="$nb_id${SLURM_ARRAY_TASK_ID:+_$nb_index}" NEPSBENCH_TIME_LIMIT=@@limit
@@threads
trap - EXIT
[ -z "$nb_why" ] || { nb_come_back; exit 143; }

# The exit code comes through a pipe: bash's wait loses it if a signal comes together with the end.
exec 4>&1 3< <(
  trap : TERM
  srun --ntasks=@@tasks --cpus-per-task=@@cpus --kill-on-bad-exit=0 --input=none \
    bash -c @@task nepsbench "$nb_records" '' "${command[@]}" >&4 4>&-
  echo "$?"
)
code=
read -r code <&3
# From here on only SIGKILL comes between this script and its last word.
trap '' TERM
# A network file system may show late what a task wrote on another node.
for nb_wait in 0 1 3; do
  sleep "$nb_wait"
  nb_worst=$(nb_worst "$code")
  [ "$code/$nb_worst" = 0/143 ] || break
done
[ -e "$nb_records/0" ] || nb_why=refused
# Within the grace of a preemption, SLURM tells the tasks only.
if [ -z "$nb_why" ] && [ "$nb_worst" != 0 ] && grep -qs told -- "$nb_records"/*; then nb_explain; fi
finish "$nb_folder" "$nb_index" "$nb_id" "$nb_worst" "$nb_why" "${manifests[@]}" || nb_worst=74
rm -rf -- "$nb_records"
[ "$nb_worst" = 0 ] || nb_come_back
exit "$nb_worst"
