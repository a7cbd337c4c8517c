# A process is named <pid>-<start time>, so a reused pid is another process.
name_of() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- "$1" ${stat##*) }
  [ "$2" != Z ] && echo "$1-${21}"
}
is_alive() { [ "$(name_of "${1%%-*}")" = "$1" ]; }
