# Cancels a whole submission, or the jobs 0-3,7 of it; what has ended is no error. No filter by name
# here: with one, scancel (22.05) ends a whole array of which one index was meant.
# cancel <token> <job id> <ranges or nothing>
cancel() {
  local recorded jobs what=${2%%;*}
  [ "$SECONDS" -lt @@enough ] || return
  read -r recorded <"$1/id"
  # A job that waits for its requeue must not begin again. A duplicate's end is not the others'.
  [ "$recorded" != "$2" ] || revoke "$1" "${3:-all}"
  IFS== read -r _ jobs <"$1/jobs.sh"
  [ -z "$3" ] || [ "$jobs" = 1 ] || what+="_[$3]"
  learn "$2"
  choose "$2"
  timeout -k 2 10 scancel --quiet "${on[@]}" "$what"
} 2>/dev/null
