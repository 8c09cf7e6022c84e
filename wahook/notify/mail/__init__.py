"""E-mails to the owners of accounts: composed from notices, rendered from texts, sent by SMTP or POST."""
