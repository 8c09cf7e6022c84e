"""From the journal to WhatsApp: queues on RQ over Redis, one lane per session, limits, retries.

The journal owns every message; a job in Redis is only a pointer to a row, so Redis may lose any of them.
"""
