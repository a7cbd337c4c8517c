# Prints facts about a cluster: <name>|<value>. A fact that cannot be had is left out.
fact() { [ -z "$2" ] || printf '%s|%s\n' "$1" "$2"; }
root=@@root
mkdir -p "$root" 2>/dev/null
if (umask 077 && echo x >"$root/.check.$$") 2>/dev/null; then fact writable yes; fi
rm -f "$root/.check.$$"
fact free_mb "$(df -Pm "$root" 2>/dev/null | awk 'NR == 2 {print $4}')"
fact tools "$(command -v flock sha256sum head find timeout | wc -l)"
fact python "$(@@python -c 'import platform; print(platform.python_version())' 2>/dev/null)"
fact torch "$(@@python -c 'import torch; print(torch.__version__)' 2>/dev/null)"
fact nepsbench "$(@@version_command 2>/dev/null)"
@@queue_facts
fact clock "$(date +%s)"
