"""One-shot search: one network that holds a whole space, trained while it is searched.

A module for each space that is searched has ``build``, which makes the network of a search: a
*supernet*, and what is learnt of the architecture. Training asks of it what
:mod:`nepsbench.spaces.networks.searching` says, and is the same loop as for every network: a search
may be interrupted after any epoch and gives the same bits. ``alone`` runs one search from a folder.
"""
