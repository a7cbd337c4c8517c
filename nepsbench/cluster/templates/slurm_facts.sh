# Tells the site's limits: fact|<name>|<value>. What it does not tell is left out.
tell_facts() {
  local config cluster told qos
  choose
  config=$(timeout -k 2 @@patience scontrol "${on[@]}" show config)
  awk '$2 == "=" {
    if ($1 == "MaxArraySize") print "fact|max_array_size|" $3
    if ($1 == "MaxJobCount") print "fact|max_job_count|" $3
    if ($1 == "MessageTimeout") print "fact|message_timeout|" $3
    if ($1 == "SLURM_VERSION") print "fact|version|" $3
  }' <<<"$config"
  timeout -k 2 @@patience sinfo -h -e -o '%P|%l|%m' "${on[@]}" @@partition |
    awk -F '|' -v every=@@every 'NF == 3 && (every || $1 ~ /[*]$/) {
      print "fact|max_time|" $2
      print "fact|max_memory_mb_per_node|" $3
    }'
  timeout -k 2 @@patience sacct -n -P -X -S now -o JobID "${on[@]}" >&2 || return
  echo 'fact|accounting|yes'
  cluster=$(awk '$1 == "ClusterName" {print $3}' <<<"$config")
  told=$(timeout -k 2 @@patience sacctmgr -n -P show assoc where user="$(id -un)" cluster="$cluster" \
    @@account format=MaxSubmitJobs,DefaultQOS)
  qos=@@qos
  [ -n "$qos" ] || qos=$(awk -F '|' '$2 != "" {print $2; exit}' <<<"$told")
  {
    printf '%s\n' "$told"
    timeout -k 2 @@patience sacctmgr -n -P show qos where name="${qos:-normal}" format=MaxSubmitPU
  } | awk -F '|' '$1 ~ /^[0-9]+$/ {print "fact|max_submit_jobs|" $1}'
} 2>/dev/null
