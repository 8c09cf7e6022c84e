"""The edge: REST, Socket.IO and the operator's pages, on one event loop in a thread of its own."""
