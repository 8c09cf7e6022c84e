"""The WhatsApp page: what we put into it, what we ask of it, what it tells."""
