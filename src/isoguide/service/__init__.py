"""The console's only door: HTTP and WebSocket over the functions that the command line calls too."""
