"""Passwords that everybody tries first."""

from typing import Final

COMMON_PASSWORDS: Final = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 1234567890qwerty 111111111111 000000000000
    1q2w3e4r5t6y 1qaz2wsx3edc 1qaz2wsx3edc4rfv abcdefghijkl abcd1234efgh administrator administrator1
    changemechangeme correcthorsebatterystaple hospital1234 iloveyou1234 isoguideisoguide isoguide1234
    letmeinletmein linac1234567 mynameisjohn passpasspass passw0rd1234 password1234 password12345
    password123456 passwordpassword physicist1234 qazwsxedcrfv qwerty123456 qwertyqwerty qwertyuiop12
    qwertyuiop123 qwertyuiopasdfgh radiotherapy radiotherapy1 therapist1234 unbelievable welcome12345
    welcomewelcome zaq12wsxcde3
    """.split()  # noqa: SIM905 - one word after the other reads better than fifty in quotes
)
"""Of those that are long enough: from published lists of leaked ones, and what a radiotherapy department
would think of. Lower case."""
