#!/bin/bash
# Written by nepsbench. Runs the workers as plain processes; the exit marker is written last.
@@functions
cd @@directory || exit 73
me=$(name_of "$$")
pids=() interrupted=
# Writes the exit marker, then ends what is left of this process group, this script last.
finish() {
  if [ "$(cat id)" = "$me" ]; then
    printf '%s %s %s\n' "$1" "$me" "${2-}" >exit.tmp && mv exit.tmp exit
  fi
  kill -KILL -- "-$$"
}
forward() {
  interrupted=1
  if [ "${#pids[@]}" != 0 ]; then
    kill -s "$1" "${pids[@]}" 2>/dev/null
  elif [ "$1" = TERM ]; then
    finish 143
  fi
}
trap 'forward TERM' TERM INT HUP
trap 'forward USR1' USR1
# Waits for a child to its end, however many signals come in between.
await() {
  local code
  while interrupted= && wait "$1"; code=$?; [ -n "$interrupted" ]; do :; done
  return "$code"
}
lock() { flock "$1" & await "$!"; }

# Claim: the lock is held by this script and its workers, so a second run of the same job waits for
# the last stray of the first, then finds that the folder has an owner, and leaves.
exec 8>>.running.lock
lock 8 || exit 73
[ ! -e id ] || exit 0
printf '%s\n' "$me" >id.tmp && mv id.tmp id || exit 73

# A slot, first come first served: one job looks for a free slot, the others stand in line.
mkdir -p @@slots_directory && exec 7>>@@slots_directory/line && lock 7 || finish 73
slot=
while [ -z "$slot" ]; do
  for ((k = 0; k < @@slots; k++)); do
    exec 6>>@@slots_directory/"$k"
    flock -n 6 && slot=$k && break
  done
  [ -n "$slot" ] || { sleep 0.5 & await "$!"; }
done
exec 7>&-
echo "$me" >started

@@setup
export NEPSBENCH_JOB_ID="$me" NEPSBENCH_STARTED="$(date +%s)"
@@threads
# Should this script be killed outright, its workers are told to stop.
guard=(setpriv --pdeathsig TERM --)
"${guard[@]}" true 2>/dev/null || guard=()
SECONDS=0
for ((k = 0; k < @@tasks; k++)); do
  NEPSBENCH_WORKER=$k "${guard[@]}" timeout --foreground --preserve-status -s USR1 \
    -k @@warning @@early @@command </dev/null &
  pids+=("$!")
done
worst=0
for pid in "${pids[@]}"; do
  await "$pid"
  code=$?
  [ "$code" -le "$worst" ] || worst=$code
done
if [ "$worst" != 0 ] && [ "$SECONDS" -ge @@limit ]; then finish "$worst" timeout; fi
finish "$worst"
