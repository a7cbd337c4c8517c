-- Makes sbatch wait, before it speaks to the controller or before it tells the job's id, as long as
-- the site's folder has a file for that: so a test can break something in that very moment.
local state = string.gsub(os.getenv("SLURM_CONF"), "/slurm.conf$", "")

local function wait(moment)
  if os.getenv("SLURM_JOB_ID") then
    return
  end
  local file = "'" .. state .. "/hold-" .. moment .. "'"
  os.execute("[ ! -e " .. file .. " ] || : >" .. file .. ".reached; " ..
    "while [ -e " .. file .. " ]; do sleep 0.02; done")
end

function slurm_cli_setup_defaults(options, early_pass)
  return slurm.SUCCESS
end

function slurm_cli_pre_submit(options, pack_offset)
  wait("before")
  return slurm.SUCCESS
end

function slurm_cli_post_submit(offset, job_id, step_id)
  wait("after")
  return slurm.SUCCESS
end
