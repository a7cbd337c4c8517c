# Tells jobs to end; what has not begun never will. reap sees to it that they do.
# cancel <token> [<index>...], all without any
cancel() {
  local token=$1 folder=$submissions/$1 index owner
  [ -d "$folder/claims" ] || return
  shift
  for index in "${@-all}"; do : >"$folder/revoked/$index"; done
  [ "$#" != 0 ] || set -- "$folder"/claims/*
  for index in "${@##*/}"; do
    owner=
    read -r owner _ <"$folder/claims/$index"
    if is_alive "$owner"; then kill -TERM "${owner%%-*}"; fi
    doom "$token" "$index"
  done
} 2>/dev/null
# Leaves a job to the reaper, unless one has it in hand: doom <token> <index>
doom() {
  local folder=$submissions/$1 owner= reaper=
  read -r owner _ <"$folder/claims/$2"
  read -r reaper <"$folder/reapers/$2"
  if [ -z "$owner" ] || is_alive "$reaper"; then return; fi
  doomed+=("$owner") reapers+=("$folder/reapers/$2")
} 2>/dev/null
# Leaves to the reaper what a job whose script is gone may have left behind.
doom_strays() {
  local owner=
  read -r owner _ <"$submissions/$1/claims/$2"
  is_alive "$owner" || doom "$1" "$2"
} 2>/dev/null
start_reaper() {
  local file name state
  [ "${#doomed[@]}" != 0 ] || return
  setsid bash -c "$(declare -f look_up find_sessions reap)"'; reap "$@"' nepsbench-reaper \
    @@grace "${doomed[@]}" </dev/null >/dev/null 2>&1 &
  look_up "$!"
  for file in "${reapers[@]}"; do echo "$name" >"$file"; done
} 2>/dev/null
# Ends by force what is left of jobs after a time of grace: their workers first, so that their
# scripts can mark the end, then those too. A script that was killed has left its workers behind.
# reap <seconds of grace> <process>...
reap() {
  local deadline=$((SECONDS + $1)) told= left job pid name state
  shift
  while left= && find_sessions; do
    for job; do
      pid=${job%%-*}
      look_up "$pid"
      # A session's number is not given away while any of it lives.
      if [ -n "$name" ] && [ "$name" != "$job" ]; then continue; fi
      if [ "$state" = Z ]; then name=; fi
      [ -n "$name${sessions[$pid]-}" ] || continue
      left=1
      if [ -z "$name$told" ]; then kill -TERM ${sessions[$pid]}; fi
      if [ "$SECONDS" -ge "$deadline" ]; then kill -KILL ${sessions[$pid]-}; fi
      if [ "$SECONDS" -ge "$((deadline + 5))" ]; then kill -KILL "$pid"; fi
    done
    told=1
    [ -n "$left" ] || break
    sleep 0.2
  done
}
