# The list of living jobs: a file each, <token>.<index>.<process>, in a folder for each space of
# process numbers (a machine that is up, a container). It holds <state>|<reason>|<start>, and is
# locked as long as the job's script lives.
read -r list </proc/sys/kernel/random/boot_id
list=$processes/$list-$(readlink /proc/self/ns/pid | tr -dc 0-9)
# Why nothing can be said about jobs, and nothing done.
problem=$(mkdir -p -- "$list" "$submissions" 2>&1)
[ -n "$problem" ] || [ -r "$list" ] || problem="$list cannot be read"

# Jobs of another container that shares the folder can be neither seen nor stopped from here.
find_elsewhere() {
  local folder file
  for folder in "$processes"/*/; do
    [ "$folder" != "$list/" ] || continue
    for file in "$folder"*; do
      exec 4<"$file" || continue
      if ! flock -n 4; then
        problem="jobs run in another container on the same folder; work from there"
      elif [ -n "$(find "$file" -mmin +1)" ]; then # not one that is just about to lock it
        rm -f -- "$file"
      fi
      exec 4<&-
    done
  done
} 2>/dev/null

tell_jobs() {
  local file job token index owner id state reason start
  for file in "$list"/*; do
    job=${file##*.} token=${file##*/}
    token=${token%.*} index=${token##*.}
    token=${token%.*}
    if ! is_alive "$job"; then
      rm -f -- "$file"
      continue
    fi
    owner= id= state= reason= start=
    read -r owner _ <"$submissions/$token/claims/$index"
    read -r id _ <"$submissions/$token/claims/0"
    IFS='|' read -r state reason start <"$file" || [ -e "$file" ] || continue
    [ "$owner" = "$job" ] && [ -n "$id" ] || continue
    printf 'queue|%s|%s|%s|%s|%s|%s|nb-%s\n' \
      "$id" "$index" "${state:-WAITING}" "$reason" "$HOSTNAME" "$start" "$token"
  done
} 2>/dev/null
