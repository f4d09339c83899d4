"""Live sessions over a WebSocket: one child process each, admitted by what the machine can still carry."""
