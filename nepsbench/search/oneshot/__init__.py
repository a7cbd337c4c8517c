"""One-shot search: one network that holds all of a space's cells, trained while it is searched.

A *supernet* computes, on every edge of a cell, a mixture of all operations. A *method* says which
mixture a step is made with, and what it learns of the architecture from validation data; in the end
it names a cell. The loop around both is the same for all methods, and as exact as training is: it
may be interrupted after any epoch and gives the same bits.
"""
