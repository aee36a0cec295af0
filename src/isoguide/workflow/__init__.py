"""The jobs a user asks for, from files to files: align, inspect, demonstrate, report."""
