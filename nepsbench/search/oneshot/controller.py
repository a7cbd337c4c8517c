"""A controller: a recurrent network that draws a sequence of choices, and learns by their worth.

Source: Pham et al., Efficient Neural Architecture Search via Parameter Sharing (ICML 2018),
section 2; constants: NAS-Bench-201's ENAS (AutoDL-Projects).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_WIDTH = 64
_TEMPERATURE, _REACH = 5.0, 2.5
_START = 0.1
#: Weight of the entropy in what is learnt, and how slowly the baseline follows.
_ENTROPY, _INERTIA = 1e-4, 0.999


@dataclass(frozen=True)
class Drawn:
    """What a controller drew.

    Attributes:
        choices: One of each decision.
        log_probability: Of all of them together, a number through which gradients flow.
        entropy: Sum over the decisions.
    """

    choices: list[int]
    log_probability: Tensor
    entropy: Tensor


class Controller(nn.Module):
    """Draws one choice after another; each sees those before it.

    Args:
        sizes: How many there are to choose from, by decision.
        random: For what it starts from.
    """

    baseline: Tensor

    def __init__(self, sizes: Sequence[int], *, random: torch.Generator) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(_WIDTH, _WIDTH)
        self.first = nn.Parameter(torch.empty(1, _WIDTH))
        self.embeddings = nn.ModuleList(nn.Embedding(size, _WIDTH) for size in sizes)
        self.heads = nn.ModuleList(nn.Linear(_WIDTH, size) for size in sizes)
        self.register_buffer("baseline", torch.full((), torch.nan))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-_START, _START, generator=random)

    def draw(self, random: torch.Generator) -> Drawn:
        """Return choices drawn by the controller's probabilities."""
        choices: list[int] = []
        total = entropy = torch.zeros(())
        state, seen = None, self.first
        for embed, head in zip(self.embeddings, self.heads, strict=True):
            state = self.cell(seen, state)
            logits = _REACH * torch.tanh(head(state[0]) / _TEMPERATURE)
            logs = logits.log_softmax(dim=1)
            chosen = torch.multinomial(logs.detach().exp(), 1, generator=random)
            choices.append(int(chosen))
            total = total + logs.gather(1, chosen).sum()
            entropy = entropy - (logs.exp() * logs).sum()
            seen = embed(chosen[:, 0])
        return Drawn(choices, total, entropy)


def reinforce(
    controller: Controller, reward: Callable[[list[int]], float], random: torch.Generator
) -> None:
    """Set the controller's gradients by one draw: REINFORCE with a moving baseline.

    Args:
        controller: Its gradients, and its baseline, are changed.
        reward: Of choices; the higher the better.
        random: For the draw.
    """
    drawn = controller.draw(random)
    worth = reward(drawn.choices)
    with torch.no_grad():
        if torch.isnan(controller.baseline):
            controller.baseline.fill_(worth)
        else:
            controller.baseline.lerp_(torch.tensor(worth), 1 - _INERTIA)
    advantage = worth - float(controller.baseline)
    loss = -advantage * drawn.log_probability - _ENTROPY * drawn.entropy
    for parameter in controller.parameters():
        parameter.grad = None
    loss.backward()  # type: ignore[no-untyped-call]
