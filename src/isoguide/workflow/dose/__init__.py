"""The dose of a plan, and of the day: computed, written, drawn and told in one way for everybody."""
