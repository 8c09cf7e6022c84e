"""Events for other programs: signed, in order per chat, again until they arrive; see docs/webhooks.md."""
