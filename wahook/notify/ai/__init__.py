"""Replies by a language model behind an OpenAI-compatible endpoint, through the normal outbox."""
