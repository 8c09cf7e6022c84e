"""From here to there: backups of the volume, the journal in another database, profiles of another program."""
