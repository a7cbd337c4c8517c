#!/bin/bash
# Written by nepsbench. One job of a submission as plain processes; the exit marker is written last.
# job.sh <index> <folder that lists the living jobs>
nb_folder=@@folder index=$1 nb_index=$1 nb_list=$2 nb_pids=() nb_told= nb_heard=
@@functions
cd -- "$nb_folder" && . ./jobs.sh || exit 73
look_up "$$"
nb_me=$name nb_entry=$nb_list/@@token.$nb_index.$name

# In the list of living jobs as long as this script lives, whatever ends it.
nb_tell() { printf '%s|%s|%s\n' "$@" >"$nb_entry"; }
nb_tell WAITING '' '' && exec 5<"$nb_entry" && flock 5 || exit 73
trap 'rm -f -- "$nb_entry"' EXIT
gate "$nb_folder" "$nb_index" "$nb_me" "$directory"
if [ "$nb_index" = 0 ]; then
  echo "$nb_me" >id.tmp && sync -- id.tmp && mv -f -- id.tmp id || exit 73
  for ((k = 1; k < jobs; k++)); do
    setsid bash job.sh "$k" "$nb_list" </dev/null >>"said/$k" 2>&1 5<&- &
    disown # their ends are no news for this job's error output
  done
fi
read -r nb_id _ <claims/0

# Leaves the list, and ends what is left of this process group, this script last.
nb_leave() {
  rm -f -- "$nb_entry"
  kill -KILL -- "-$$"
}
# Ends without having begun: <code> <why>
nb_give_up() {
  trap '' TERM INT HUP USR1 EXIT
  mark_end "$nb_folder" "$nb_index" "$nb_id" "$1" "$2" -1 0
  nb_leave
}
nb_forward() {
  nb_heard=1
  [ "$1" = USR1 ] || nb_told=terminated
  if [ "${#nb_pids[@]}" != 0 ]; then
    kill -s "$1" "${nb_pids[@]}"
  elif [ -n "$nb_told" ]; then
    nb_give_up 143 "$nb_told"
  fi
} 2>/dev/null
trap 'nb_give_up 73 refused' EXIT
trap 'nb_forward TERM' TERM INT HUP
trap 'nb_forward USR1' USR1
# Waits for a child to its end, however many signals come in between. Bash has nothing to add to it.
nb_await() {
  local code
  while nb_heard= && wait "$1"; code=$?; [ -n "$nb_heard" ]; do :; done
  return "$code"
} 2>/dev/null
# Only the script itself holds its entry in the list.
nb_lock() { flock "$1" 5<&- & nb_await "$!"; }

mkdir -p -- "$directory" && cd -- "$directory" && exec >>stdout 2>>stderr || exit
# The folder is held by this script and its workers: a new attempt waits for the last stray of the
# one before.
exec 8>>.running.lock || exit
flock -n 8 || { nb_tell WAITING 'an earlier attempt is still ending' '' && nb_lock 8; } || exit
# A slot, first come first served: one job looks for a free slot, the others stand in line. Should
# this script be killed, what waits in its name must not hold the folder.
nb_tell WAITING 'no free slot' ''
mkdir -p -- @@slots_directory && exec 7>>@@slots_directory/line && nb_lock 7 8>&- || exit
nb_slot=
while [ -z "$nb_slot" ]; do
  for ((k = 0; k < @@slots; k++)); do
    exec 6>>@@slots_directory/"$k" && flock -n 6 && nb_slot=$k && break
  done
  [ -n "$nb_slot" ] || { sleep 0.5 5<&- 6>&- 7>&- 8>&- & nb_await "$!"; }
done
exec 7>&-
if is_revoked "$nb_folder" "$nb_index"; then nb_leave; fi
rm -f -- "${manifests[@]}" || exit
printf -v nb_start '%(%FT%T)T'
nb_tell RUNNING '' "$nb_start"

export NEPSBENCH_STARTED="$(date +%s)" NEPSBENCH_TIME_LIMIT=@@limit
@@setup
# The block may have left options, variables and another folder behind.
set +eu
index=$nb_index
. "$nb_folder/jobs.sh" && cd -- "$directory" || exit
export NEPSBENCH_JOB_ID="$nb_id"
[ "$jobs" = 1 ] || NEPSBENCH_JOB_ID+=_$nb_index
@@threads
# Should this script be killed outright, its workers are told to stop.
nb_records=$nb_folder/tasks/$nb_index
mkdir -p -- "$nb_records" && rm -f -- "$nb_records"/* || exit
nb_guard=(setpriv --pdeathsig TERM --)
"${nb_guard[@]}" true 2>/dev/null || nb_guard=()
SECONDS=0
for ((k = 0; k < @@tasks; k++)); do
  "${nb_guard[@]}" bash -c @@task nepsbench "$nb_records" "$k" timeout --foreground \
    --preserve-status -s USR1 -k @@warning @@early "${command[@]}" </dev/null 5<&- &
  nb_pids+=("$!")
done
[ -z "$nb_told" ] || kill -TERM "${nb_pids[@]}" 2>/dev/null
for pid in "${nb_pids[@]}"; do
  nb_await "$pid"
done
# How each worker ended is on record: bash's wait loses it if a signal comes together with the end.
nb_worst=0
for ((k = 0; k < @@tasks; k++)); do
  code=
  read -r code _ <"$nb_records/$k"
  [[ $code =~ ^[0-9]+$ ]] || code=143
  [ "$code" -le "$nb_worst" ] || nb_worst=$code
done 2>/dev/null
rm -rf -- "$nb_records"
trap '' TERM INT HUP USR1 EXIT
if [ "$nb_worst" != 0 ] && [ "$SECONDS" -ge @@limit ]; then nb_told=timeout; fi
# What the workers left running must not change what is judged now.
find_sessions
kill -KILL ${sessions[$$]-} 2>/dev/null
# The last words of a job that failed are its own, not that it proves nothing.
[ "$nb_worst" = 0 ] || exec 2>>"$nb_folder/said/$nb_index"
finish "$nb_folder" "$nb_index" "$nb_id" "$nb_worst" "$nb_told" "${manifests[@]}"
nb_leave
