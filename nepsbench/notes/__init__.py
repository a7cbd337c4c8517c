"""What to know of a benchmark: a note a family of benchmarks, in the JSON files of this folder."""

from nepsbench.notes.note import Erratum, Note, all_notes, find_note, note_of

__all__ = ["Erratum", "Note", "all_notes", "find_note", "note_of"]
