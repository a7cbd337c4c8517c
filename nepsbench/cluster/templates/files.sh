is_sum() { # sha256 file
  local sum
  sum=$(sha256sum 2>/dev/null <"$2") && [ "${sum%% *}" = "$1" ]
}

# Makes room for a file. Prints its number and how much of it is there, or nothing if it is there
# already, whole.
receive() { # number sha256 size temporary target
  local there
  if [ -f "$5" ] && [ "$(stat -c %s -- "$5")" = "$3" ] && is_sum "$2" "$5"; then
    rm -f -- "$4"
    return
  fi
  # Nothing is cut off that another one may be writing just now, unless it cannot be right.
  : >>"$4"
  there=$(stat -c %s -- "$4")
  if [ "$there" -gt "$3" ]; then
    : >"$4"
    there=0
  fi
  printf '%s %s\n' "$1" "$there"
}

# Gives a file that arrived its name, if it is what was sent; else removes it and prints its number.
settle() { # number sha256 temporary target
  if is_sum "$2" "$3"; then
    # If another one was faster with the same, this is as good.
    mv -fT -- "$3" "$4" || is_sum "$2" "$4"
  elif [ -e "$3" ] || ! is_sum "$2" "$4"; then
    rm -f -- "$3"
    printf '%s\n' "$1"
  fi
}
set -e
@@calls
