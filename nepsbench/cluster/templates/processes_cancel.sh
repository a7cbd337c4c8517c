# Ask every job to stop, wait for them together, then end what is left of their process groups.
ask() {
  { printf '%s\n' "$2" >"$1/cancel"; } 2>/dev/null
  is_alive "$2" && kill -TERM "${2%%-*}"
}
# A group outlives its leader; while it does, its number is no other process's.
members() {
  local stat
  for stat in /proc/[0-9]*/stat; do
    { read -r stat <"$stat"; } 2>/dev/null || continue
    set -- "$1" ${stat##*) }
    if [ "$4" = "$1" ] && [ "$2" != Z ]; then return 0; fi
  done
  return 1
}
ours() { # The leader lives under its own name, or is gone and its group remains.
  is_alive "$1" || { [ ! -e "/proc/${1%%-*}" ] && members "${1%%-*}"; }
}
ids=(@@ids)
@@calls
for ((tick = 0; tick < @@grace * 5; tick++)); do
  left=
  for id in "${ids[@]}"; do ours "$id" && left=1 && break; done
  [ -n "$left" ] || break
  sleep 0.2
done
for id in "${ids[@]}"; do
  if ours "$id"; then kill -KILL -- "-${id%%-*}" 2>/dev/null; fi
done
exit 0
