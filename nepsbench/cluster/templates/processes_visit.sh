submissions=@@submissions processes=@@processes doomed=() reapers=()
SECONDS=0 clock=$(date +%s)
@@functions
find_elsewhere
@@orders
start_reaper
# The list before the ends: a job that ends in between is in both, not in neither.
if [ -z "$problem" ]; then tell_jobs; else printf 'noqueue|%s\n' "$(squeeze <<<"$problem")"; fi
@@questions
echo "clock|$clock"
