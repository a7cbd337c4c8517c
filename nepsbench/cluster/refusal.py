"""What a failed sbatch means: refused for good, busy for now, or nobody can say. Pure.

Only what the controller (or sbatch itself, before it asked the controller) says in so many words is
believed. A message about the way there proves nothing: the job may have come to be.
"""

from __future__ import annotations

import re

from nepsbench.cluster.conversation import Verdict

#: GNU timeout's exit code where it ended the command, and those of a command that a signal ended.
_CUT_SHORT = frozenset({124, *range(129, 193)})
_FAILED = "batch job submission failed: "

#: On the way to the controller or back (slurm_errno.c, communication errors).
_ON_THE_WAY = re.compile(
    r"socket timed out|timed out|timeout|unable to contact slurm controller|connect(ion)? failure"
    r"|(send|receive|shutdown) failure|zero bytes were transmitted|unexpected message"
    r"|header lengths|connection (refused|rejected|reset|forced closed)|broken pipe"
    r"|transport endpoint|authentication|credential|munge|standby|delayed socket error"
    r"|incompatible versions|i/o error writing|internal error|unable to connect to database"
)
#: A limit that other jobs fill: it is lifted when they end.
_FOR_NOW = re.compile(
    r"(qos|assoc)\w*(maxsubmit|grpsubmit)\w*|resource temporarily unavailable"
    r"|temporarily unable to accept job|job queue full|maxjobcount limit reached"
    r"|requested nodes are busy|submissions? disabled|presently disabled|rate limit exceeded"
    r"|partition not available|partition in down state|node not available"
    r"|configuration not available now|licenses currently unavailable|maintenance reservation"
    r"|reservation not usable now|burst buffer resource limit"
)
#: A limit of one job, which the same job will break again.
_OF_THE_JOB = re.compile(r"(qos|assoc)\w*max\w*perjob\w*|\w*maxwall\w*|\w*minmem\w*|\w*mincpus\w*")
_POLICY = "job violates accounting/qos policy"
#: What no later try will change.
_FOR_GOOD = re.compile(
    r"invalid|not permitted|denied|more processors requested|is not available"
    r"|not in this partition|no partition specified|needs to be provided|not specified|too long"
    r"|too many|exceeds|not supported|unsupported|can not be run|not a subset|duplicate generic"
    r"|requires more|does not (exist|match)|unknown|missing|cannot request|no gpus|unable to load"
    r"|multiple partition job request|not available on this|insufficient gres"
    r"|breached requested qos|dependency"
)
#: What a site's own rules make of it (job_submit plugins): they say why in lines of their own.
_SITE_RULES = "unspecified error"
_NOTHING_ELSE = re.compile(r"[\s.:]*(sbatch: error:)?\s*")
#: What sbatch says of its own command line, before it asks anybody.
_OWN_COMMAND_LINE = re.compile(
    r"(unrecognized|invalid|ambiguous) option|option '[^']*' (is ambiguous|requires|doesn't)"
    r"|requires an argument|try \"sbatch --help\"|error: invalid |: invalid |error: bad "
    r"|batch script (is empty|contains)|does not look like a batch script|mutually exclusive"
)


def read_failure(code: int, said: str) -> Verdict:
    """Return what an sbatch that ended with ``code`` (not 0) and ``said`` this means.

    Code 0 stands for an sbatch that ended well but printed no job id.
    """
    text = said.lower()
    if code == 0 or code in _CUT_SHORT:
        return Verdict.UNKNOWN
    before, told, reason = text.rpartition(_FAILED)
    if told:
        return _by_reason(before, reason)
    if _OWN_COMMAND_LINE.search(text) and not _ON_THE_WAY.search(text):
        return Verdict.REFUSED
    return Verdict.UNKNOWN


def _by_reason(before: str, reason: str) -> Verdict:
    """Judge by the reason that stands last, and by what the controller said before it."""
    if _ON_THE_WAY.search(reason):
        return Verdict.UNKNOWN
    if _POLICY in reason:
        return Verdict.REFUSED if _OF_THE_JOB.search(before) else Verdict.BUSY
    if _FOR_NOW.search(reason):
        return Verdict.BUSY
    if _SITE_RULES in reason:
        return Verdict.UNKNOWN if _NOTHING_ELSE.fullmatch(before) else Verdict.REFUSED
    if _FOR_GOOD.search(reason):
        return Verdict.REFUSED
    return Verdict.UNKNOWN
