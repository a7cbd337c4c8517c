receipt() { # <token> <verdict> <job id> <words>
  printf 'receipt|%s|%s|%s|%s\n' "$1" "$2" "${3-}" "$(squeeze <<<"${4-}")"
}
# submit <token> <number of jobs> <script> <jobs> <superseded token>/<index>...
submit() {
  local folder=$submissions/$1 verdict=accepted id= said= place
  # A new attempt waits for what a killed one has left behind, so that must end.
  for place in "${@:5}"; do doom_strays "${place%/*}" "${place##*/}"; done
  if [ -s "$folder/id" ]; then
    :
  elif [ -z "$problem" ] && [ "$SECONDS" -lt @@patience ]; then
    said=$(start "$@" 2>&1)
    case $? in 0) said= ;; 75) verdict=unknown ;; *) verdict=busy ;; esac
  elif [ -e "$folder/job.sh" ]; then
    verdict=unknown
  else
    verdict=untried said=$problem
  fi
  read -r id <"$folder/id"
  receipt "$1" "$verdict" "$id" "$said"
} 2>/dev/null
# Starts the first job of a submission, which starts the others. Fails with 75 if nobody can tell
# whether they will come, and with another code only if they never will.
start() (
  local place folder first claims gone=0 failure=73
  # Whoever wrote the script before was about to start it.
  [ ! -e "$submissions/$1/job.sh" ] || failure=75
  mkdir -p -- "$submissions/$1"/{claims,ends,reapers,revoked,said} && cd -- "$submissions/$1" &&
    exec 9>>lock || exit "$failure"
  flock -w 10 9 || { echo "another visit is submitting it" && exit 75; }
  [ ! -s id ] || exit 0
  [ ! -e job.sh ] || failure=75
  for place in "${@:5}"; do
    folder=$submissions/${place%/*}/revoked
    mkdir -p -- "$folder" && : >"$folder/${place##*/}" || exit "$failure"
  done
  write jobs.sh "$4" && write job.sh "$3" || exit "$failure"
  setsid bash job.sh 0 "$list" </dev/null >>said/0 2>&1 9>&- &
  first=$!
  # This visit's list of jobs is to show them all.
  while claims=(claims/*) && { [ ! -s id ] || [ "${#claims[@]}" -lt "$2" ]; }; do
    kill -0 "$first" || ((gone += 1))
    if [ "$gone" != 0 ] && [ ! -s id ] && [ ! -s claims/0 ]; then
      tail -c 2000 said/0
      exit "$failure"
    fi
    if [ "$gone" -ge 100 ] || [ "$SECONDS" -ge @@patience ]; then break; fi
    sleep 0.05
  done 2>/dev/null
  [ -s id ] || exit 75
)
# In one step: a job that an interrupted visit started may be about to read it.
write() { printf '%s' "$2" >"$1.tmp" && mv -f -- "$1.tmp" "$1"; }
# look <token>
look() {
  local verdict=absent id= folder=$submissions/$1
  if [ -n "$problem" ] || { [ -e "$folder/lock" ] && ! flock -w 10 "$folder/lock" true; }; then
    verdict=unknown
  elif [ -s "$folder/id" ]; then
    read -r id <"$folder/id"
    verdict=accepted
  fi
  receipt "$1" "$verdict" "$id" "$problem"
}
