# A process is named <pid>-<start time>, so a reused pid is another process. Sets name and state.
look_up() {
  local stat=
  name= state=
  { IFS= read -r -d '' stat <"/proc/$1/stat"; } 2>/dev/null
  set -- "$1" ${stat##*) }
  if [ "$#" -gt 20 ]; then name=$1-${21} state=$2; fi
}
is_alive() {
  local name state
  [ -n "$1" ] && look_up "${1%%-*}" && [ "$name" = "$1" ] && [ "$state" != Z ]
}
# Sets sessions: by number, the living processes of each but its leader.
find_sessions() {
  local file stat pid
  declare -gA sessions=()
  for file in /proc/[0-9]*/stat; do
    stat=
    { IFS= read -r -d '' stat <"$file"; } 2>/dev/null
    pid=${file#/proc/} pid=${pid%/stat}
    set -- ${stat##*) }
    if [ "$#" -gt 3 ] && [ "$1" != Z ] && [ "$4" != "$pid" ]; then sessions[$4]+=" $pid"; fi
  done
}
