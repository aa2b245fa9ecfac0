"""Why nothing was backed up, or nothing restored. The message is one line, for the operator."""


class BackupRefused(Exception):
    """The archive is none of ours, is damaged, or does not fit what is here. Nothing was changed."""
