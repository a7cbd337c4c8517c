# Prints the exit markers that came since then: end|<token>|<what stands in it>. A file's change time
# is that of its rename, so a marker that was long in writing is not missed.
# tell_ends <folder of submissions> <since> <token>/ends...
tell_ends() (
  cd -- "$1" || exit
  since=@$2
  shift 2
  mapfile -t changed < <(find "$@" -maxdepth 0 -newerct "$since")
  [ "${#changed[@]}" != 0 ] || exit
  find "${changed[@]}" -maxdepth 1 -type f -newerct "$since" -exec grep -H '' {} + |
    sed -n 's,^\([A-Za-z0-9._-]*\)/ends/[0-9]*:,end|\1|,p'
) 2>/dev/null
