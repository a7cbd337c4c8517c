"""The critical-difference diagram of Demšar (JMLR 2006): mean ranks on a line."""

from __future__ import annotations

from nepsbench.pages.page import Html
from nepsbench.pages.plots import LEFT, WIDTH, Axis, svg, text
from nepsbench.search.ranks import Ranking


def difference_plot(ranking: Ranking) -> Html:
    """Return the critical-difference diagram: who is not told apart is joined by a bar."""
    count = len(ranking.rows)
    axis = Axis(1, max(count, 2), LEFT, WIDTH - LEFT)
    ordered = sorted(zip(ranking.ranks, ranking.rows, strict=True))
    groups = ranking.groups()
    top = 40 + 10 * len(groups)
    parts = [f'<path class="axis" d="M{axis.start} 24H{axis.end}"/>']
    parts += [text(axis.at(tick), 16, str(tick)) for tick in range(1, max(count, 2) + 1)]
    for place, (rank, row) in enumerate(ordered):
        at, line, left = axis.at(rank), top + 18 * place, place < (count + 1) // 2
        edge, anchor = (axis.start, "start") if left else (axis.end, "end")
        parts.append(f'<path class="thin" d="M{at:.1f} 24V{line}H{edge}"/>')
        parts.append(text(edge, line - 3, f"{row} {rank:.2f}", anchor))
    of = dict(zip(ranking.rows, ranking.ranks, strict=True))
    for place, group in enumerate(groups):
        low, high = axis.at(of[group[0]]) - 3, axis.at(of[group[-1]]) + 3
        parts.append(f'<path class="bar" d="M{low:.1f} {32 + 10 * place}H{high:.1f}"/>')
    return svg(top + 18 * count, "".join(parts), "mean ranks and critical difference")
