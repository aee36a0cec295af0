"""Motion during the beam as a user meets it: recordings, traces, reports."""
