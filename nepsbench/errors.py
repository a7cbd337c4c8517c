"""Every error that a user can cause or meet: one line that says what, where, and what to do."""


class NepsbenchError(Exception):
    """Base class of all errors raised on purpose; the CLI prints it as one line."""


class InvalidConfigurationError(NepsbenchError):
    """A configuration lies outside its space."""


class NotInTableError(NepsbenchError):
    """A valid configuration, epoch or metric that the table holds no entry for."""


class BudgetSpentError(NepsbenchError):
    """A search asks on after its budget is spent."""


class SpecError(NepsbenchError):
    """A spec, form or cluster file says something that cannot be done."""


class CorruptedFileError(NepsbenchError):
    """A file's content is not what was written there."""


class StreamReuseError(NepsbenchError):
    """A profile asks for draws of a bit-stream that another profile has used."""


class InvalidResultError(NepsbenchError):
    """Results hold what no trial can have given, or lack what a release needs."""


class QueryError(NepsbenchError):
    """DuckDB refuses an SQL query."""


class ConflictError(NepsbenchError):
    """New results contradict stored results for the same key."""


class DatasetError(NepsbenchError):
    """A dataset is missing, incomplete, or not the published one."""


class ClusterError(NepsbenchError):
    """A cluster refused, or could not be reached or understood."""


class UnreachableError(ClusterError):
    """A cluster did not answer, or the connection broke; it may be there later."""


class AccessError(ClusterError):
    """A cluster will not let us in, however often we try; a person must change something."""


class HostKeyError(AccessError):
    """A host's key is unknown, or not the one that it is known by."""


class LoginError(AccessError):
    """A host refused the login, or there is no key to log in with."""


class VersionMismatchError(NepsbenchError):
    """Two parts that must be of the same version are not."""


class StorageError(NepsbenchError):
    """The disk is full or cannot be written."""


class TrackingError(NepsbenchError):
    """The MLflow server could not be reached, or refused."""
