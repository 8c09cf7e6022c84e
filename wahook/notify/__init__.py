"""Telling people and programs what happened: webhooks, e-mails, replies."""
