"""Frames: a script's answer between two lines that nothing else prints.

Login nodes greet (banners, ``.bashrc`` noise) and connections break in mid-answer. What stands
between the two lines is the answer, all of it; without both lines there is no answer.
"""

from __future__ import annotations

from hashlib import sha256

from nepsbench.cluster.interface import Completed


def wrap(script: str) -> str:
    """Return ``script`` as bash text whose answer :func:`unwrap` can trust.

    Bash reads the function to its end before it runs any of it, so a script that arrives in part
    does nothing. Commands in it read an empty input, never the rest of the script.
    """
    nonce = _nonce(script)
    return (
        f"nepsbench_answer() {{\n{script}\n}}\n"
        f"printf '%s\\n' BEGIN-{nonce}\n"
        "(nepsbench_answer) </dev/null\n"
        f'code=$?\nprintf \'\\n%s %s\\n\' END-{nonce} "$code"\nexit "$code"\n'
    )


def unwrap(answer: Completed, script: str) -> Completed | None:
    """Return what ``script`` itself printed and its exit code, or None if that did not all come."""
    nonce = _nonce(script)
    _, begin, rest = answer.stdout.partition(f"BEGIN-{nonce}\n")
    body, end, tail = rest.rpartition(f"\nEND-{nonce} ")
    code, newline, _ = tail.partition("\n")
    if not (begin and end and newline and code.isdigit()):
        return None
    return Completed(int(code), body, answer.stderr)


def _nonce(script: str) -> str:
    """Return a word that the script's output cannot hold by chance; the same for the same text."""
    return sha256(script.encode()).hexdigest()[:20]
