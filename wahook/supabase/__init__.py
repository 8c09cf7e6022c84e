"""The mirror of sessions and messages in a Supabase project; imported only when SUPABASE_URL is set.

Needs the extra `supabase`. See docs/supabase.md.
"""
