# Submits one job once, or adopts the submission that exists. Prints: id <job id>
mkdir -p @@directory && cd @@directory || exit 73
exec 9>>.submit.lock
flock -w 30 9 || { echo "another submission of this job is under way" >&2; exit 75; }
@@queue_functions
list_queue || exit 75

id=$(cat id 2>/dev/null) || id=
[ -n "$id" ] || id=$(find_unrecorded)
if [ -n "$id" ]; then
  code= owner=
  read -r code owner _ <exit 2>/dev/null
  if { [ "$code" = 0 ] && [ "$owner" = "${id%%;*}" ] && [ ! -e cancel ]; } || is_alive "$id"; then
    record "$id" && printf 'id %s\n' "$id"
    exit
  fi
  echo "$id" >>attempts
  rm -f id exit cancel started
fi

printf '%s' @@script >job.sh.tmp && mv job.sh.tmp job.sh || exit 73
id=$(launch) && record "$id" && printf 'id %s\n' "$id"
