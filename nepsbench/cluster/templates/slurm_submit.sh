changed=
receipt() { # <token> <verdict> <job id> <words>
  printf 'receipt|%s|%s|%s|%s\n' "$1" "$2" "${3-}" "${4-}"
}
# Under the submission's lock, so that two visits at once submit it once.
# settle submit <token> <script> <jobs> <superseded token> <ranges>... -- <options of sbatch>...
# settle look <token>
settle() {
  local order=$1 token=$2 id= failure=unknown
  shift 2
  [ "$order" = look ] || failure=untried
  if [ "$failure" = untried ] && [ "$SECONDS" -ge @@enough ]; then
    receipt "$token" untried
    return
  fi
  if ! open_folder "$token"; then
    receipt "$token" "$failure" '' "$(squeeze <"$errors")"
  elif ! flock -w @@lock_patience 9; then
    receipt "$token" unknown '' 'another visit has it in hand'
  elif find_job "$token"; then
    accept "$token"
  elif [ -n "$no_rows" ]; then
    receipt "$token" "$failure" '' "$no_rows"
  elif [ "$order" = look ]; then
    receipt "$token" absent
  else
    submit "$token" "$@"
  fi
  exec 9>&-
}
open_folder() {
  mkdir -p -- "$1"/{claims,ends,revoked,said,tasks} && exec 9>>"$1/lock"
} 2>"$errors"
# Sets id: what is on record, else what has begun, else what the queue knows by this name; of these
# rather one that lives, and the oldest.
find_job() {
  local owner
  read -r id <"$1/id" && [ -n "$id" ] && return
  owner=$(cat -- "$1"/claims/* | awk 'NF != 0 {print $1; exit}')
  id=$(awk -F '|' -v name="nb-$1" -v owner="$owner" '
    BEGIN {ended = "^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|REVOKED|TIMEOUT)$"}
    $8 == name {
      number = $2
      sub(/;.*/, "", number)
      rank = number == owner ? 0 : $4 ~ ended ? 2 : 1
      if (best == "" || rank < least || (rank == least && number + 0 < lowest)) {
        best = $2
        least = rank
        lowest = number + 0
      }
    }
    END {if (owner == "" || least == 0) print best}' <<<"$rows")
  [ -n "$id" ] || id=${owner:+$owner${clusters:+;${clusters%%,*}}}
  [ -n "$id" ]
} 2>/dev/null
# Records id, then releases the job: what is not on record stays held.
accept() {
  learn "$id"
  if [ ! -s "$1/id" ] && ! record "$1"; then
    receipt "$1" unknown '' "job $id exists, but its id cannot be recorded: $(squeeze <"$errors")"
  elif ! release "$1"; then
    receipt "$1" accepted "$id" "not released yet: $(squeeze <"$errors")"
  else
    receipt "$1" accepted "$id"
  fi
}
record() {
  printf '%s\n' "$id" >"$1/id.tmp" && sync -- "$1/id.tmp" && mv -f -- "$1/id.tmp" "$1/id"
} 2>"$errors"
release() {
  [ -n @@hold ] && [ ! -e "$1/released" ] || return 0
  [ -z "$no_rows" ] || { echo "$no_rows" >&2 && return 1; }
  changed=1
  choose "$id"
  timeout -k 2 10 scontrol "${on[@]}" release "${id%%;*}" >&2 && : >"$1/released"
} 2>"$errors"
# submit <token> <script> <jobs> <superseded token> <ranges>... -- <options>...
submit() {
  local token=$1 said code
  if ! { write "$token/job.sh" "$2" && write "$token/jobs.sh" "$3"; }; then
    receipt "$token" busy '' "$(squeeze <"$errors")"
    return
  fi
  shift 3
  while [ "$1" != -- ]; do
    revoke "$1" "$2"
    shift 2
  done
  shift
  changed=1
  said=$(timeout -k 2 @@sbatch_patience sbatch --parsable "$@" "$token/job.sh" 2>&1 9>&-)
  code=$?
  id=$(grep -Ex '[0-9]+(;[A-Za-z0-9._-]+)?' <<<"$said")
  if [ "$code" = 0 ] && [ "$(wc -w <<<"$id")" = 1 ]; then
    accept "$token"
  else
    receipt "$token" "failed:$code" '' "$(tail -c 500 <<<"$said" | squeeze)"
  fi
}
write() {
  printf '%s' "$2" >"$1.tmp" && mv -f -- "$1.tmp" "$1"
} 2>"$errors"
