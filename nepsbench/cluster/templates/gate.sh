# Leaves with exit code 76, and without a trace in the job's directory, unless this job may run: no
# later attempt has superseded it, no other job has taken its place, and it has not ended by itself
# before: a controller that was killed may have forgotten that, and start it again. The claim is made
# before the second look at what is revoked, so that who revokes first and then finds no claim can be
# sure.
# gate <submission's folder> <index> <own job id> <job directory>
gate() {
  local owner= size
  ! is_revoked "$1" "$2" || exit 76
  size=$(stat -c %s -- "$4/stderr" 2>/dev/null)
  # noclobber: of all who open this name, one makes it. Finding its own id there, a job runs again.
  (set -C && printf '%s %s\n' "$3" "${size:-0}" >"$1/claims/$2") 2>/dev/null
  read -r owner _ <"$1/claims/$2"
  [ "$owner" = "$3" ] || exit 76
  ! has_ended "$1" "$2" "$3" || exit 76
  ! is_revoked "$1" "$2" || exit 76
} 2>/dev/null
# Not what was told to end, or could not begin: SLURM may rightly try that again.
has_ended() {
  local code= owner= why=
  read -r _ code owner why _ <"$1/ends/$2"
  [ "$owner" = "$3" ] && { [ "$code" = 0 ] || [ "$why" = - ]; }
} 2>/dev/null
# Opening the folder makes a network file system ask its server what is in it by now.
is_revoked() {
  : <"$1/revoked"
  [ -e "$1/revoked/all" ] || [ -e "$1/revoked/$2" ]
} 2>/dev/null
