# Gives a file that arrived its name, if it is what was sent.
settle() {
  local sum
  sum=$(sha256sum <"$2") || return
  if [ "${sum%% *}" != "$1" ]; then
    echo "$3 did not arrive as it was sent" >&2
    return 1
  fi
  mv -f -- "$2" "$3"
}
set -e
@@calls
