set +eu
SECONDS=0 clock=$(date +%s)
mkdir -p -- @@submissions && cd -- @@submissions || exit 73
@@functions
learn @@cluster
for token in @@tokens; do
  id=
  read -r id <"$token/id"
  learn "$id"
done 2>/dev/null
@@cancels
ask_queue
@@settles
@@forgotten
[ -z "$changed" ] || ask_queue
tell_queue
@@questions
echo "clock|$clock"
