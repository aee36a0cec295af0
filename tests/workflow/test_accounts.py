"""Who may sign in: what a password has to be, how it is kept, who may set it."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from isoguide.course import Person, Role
from isoguide.errors import InputError, UnknownNameError
from isoguide.records import Place, Records, create_records
from isoguide.treatment.refusals import NotAllowedError
from isoguide.workflow.clinic.accounts import (
    Accounts,
    HashingCost,
    SignInError,
    random_password,
    require_good_password,
)
from isoguide.workflow.clinic.department import utc_now

CHEAP = HashingCost(passes=1, memory_kib=8, lanes=1)
GOOD, OTHER = "four quiet words here", "and four other words"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with create_records(Place.embedded(tmp_path / "records"), clock=utc_now) as records:
        for name in ("anna", "ben"):
            records.add_person(Person(name, Role.THERAPIST), by="admin")
        yield records


@pytest.fixture
def accounts(records: Records) -> Accounts:
    """With "berg" as administrator and a password for "anna"."""
    accounts = Accounts(records, CHEAP)
    accounts.make_administrator(Person("berg", Role.PHYSICIST), GOOD)
    accounts.set_password("anna", GOOD, by="berg")
    return accounts


class TestAPassword:
    @pytest.mark.parametrize(
        ("password", "words"),
        [
            ("short", "has 5 characters, and it takes 12"),
            ("x" * 11, "has 11 characters"),
            ("ab " * 400, "has 1200 characters, and 1024 are the most"),
            ("aaaaaaaaaaaaaaaa", "one character over and over"),
            ("Mariannenburg", "is the user name"),
            ("mariannenburg2026", "is the user name"),
            ("Password1234", "everybody tries first"),
            ("radiotherapy", "everybody tries first"),
            ("with a\ttabulator", "no keyboard has"),
            ("with a\0 nothing", "no keyboard has"),
            ("half a \ud800 letter", "no keyboard has"),
        ],
    )
    def test_that_is_easy_to_guess_is_refused_and_not_repeated(self, password: str, words: str):
        with pytest.raises(InputError, match=words) as refused:
            require_good_password("mariannenburg", password)
        assert password not in str(refused.value)

    @pytest.mark.parametrize(
        "password", ["all lower case", "ÜBER DEN WOLKEN", "102938475665748", "日本語の長い合言葉です。"]
    )
    def test_needs_no_mixture_of_letters_and_signs(self, password: str):
        require_good_password("anna", password)

    def test_for_a_demonstration_has_100_bits_and_can_be_read_out(self):
        made = {random_password() for _ in range(50)}
        assert len(made) == 50
        for password in made:
            # 20 letters of 32: 5 bits each
            assert re.fullmatch(r"(?:[0-9a-hjkmnp-tv-z]{5}-){3}[0-9a-hjkmnp-tv-z]{5}", password)
            require_good_password("anna", password)


class TestKeeping:
    def test_is_by_an_argon2id_hash_of_the_second_recommendation_of_rfc_9106(self, records):
        Accounts(records).make_administrator(Person("berg", Role.PHYSICIST), GOOD)
        kept = records.password_of("berg").password_hash
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # 64 MiB, three passes, four lanes
        assert len(kept.split("$")[4]) == 22  # a salt of 16 bytes in base 64

    def test_gives_the_same_password_of_two_people_two_hashes(self, accounts, records):
        assert records.password_of("anna").password_hash != records.password_of("berg").password_hash

    def test_shows_no_hash_where_somebody_prints_it(self, accounts):
        assert "argon2" not in repr(accounts.account("anna"))

    def test_leaves_no_hash_in_the_audit(self, accounts, records):
        written = repr(records.audit_entries())
        assert "argon2" not in written
        assert GOOD not in written
        assert records.verify_audit().is_intact


class TestChecking:
    def test_says_who_it_is(self, accounts):
        account = accounts.check_password("berg", GOOD)
        assert (account.person.name, account.is_administrator) == ("berg", True)

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("anna", OTHER),
            ("anna", ""),
            ("anna", GOOD + " "),
            ("anna", GOOD.upper()),
            ("ANNA", GOOD),
            ("ben", GOOD),
            ("nobody", GOOD),
            ("an\0na", GOOD),
            ("anna", "\ud800"),
        ],
    )
    def test_refuses_everything_else_in_one_sentence(self, accounts, name: str, password: str):
        with pytest.raises(SignInError) as refused:
            accounts.check_password(name, password)
        assert str(refused.value) == (
            "the user name or the password is wrong, or the right to sign has ended: try again, or ask an "
            "administrator"
        )

    def test_refuses_whose_right_to_sign_has_ended(self, accounts, records):
        records.set_active("anna", is_active=False, by="berg", reason="left")
        with pytest.raises(SignInError):
            accounts.check_password("anna", GOOD)

    def test_takes_the_same_letters_from_any_keyboard(self, accounts):
        composed, decomposed = "über den Wolken sein", "u\u0308ber den Wolken sein"
        accounts.set_password("anna", composed, by="anna")
        assert accounts.check_password("anna", decomposed).person.name == "anna"

    def test_takes_no_longer_password_that_begins_with_the_right_one(self, accounts):
        longest = "ab " * 341 + "c"
        assert len(longest) == 1024
        accounts.set_password("anna", longest, by="anna")
        with pytest.raises(SignInError):
            accounts.check_password("anna", longest + "d")

    def test_compares_a_hash_where_there_is_no_name(self, accounts, monkeypatch):
        compared = []
        monkeypatch.setattr(accounts, "_is_right", lambda kept, password: compared.append(kept) or True)
        with pytest.raises(SignInError):
            accounts.check_password("nobody", GOOD)
        assert compared[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")

    def test_makes_a_hash_of_an_earlier_cost_anew_and_leaves_the_rights(self, accounts, records):
        dearer = Accounts(records, HashingCost(passes=2, memory_kib=16, lanes=1))
        account = dearer.check_password("berg", GOOD)
        kept = records.password_of("berg")
        assert "m=16,t=2" in kept.password_hash
        assert kept.is_administrator
        assert account.password == kept
        head = records.audit_head()
        dearer.check_password("berg", GOOD)
        assert records.audit_head() == head

    def test_fills_the_memory_of_two_at_once(self, accounts, monkeypatch):
        now, most, lock, pair = [0], [0], threading.Lock(), threading.Barrier(2)

        class Slow:
            def verify(self, _kept: str, _password: str) -> bool:
                with lock:
                    now[0] += 1
                    most[0] = max(most[0], now[0])
                pair.wait(20.0)  # broken, unless two are here at once
                time.sleep(0.01)
                with lock:
                    now[0] -= 1
                return True

            def check_needs_rehash(self, _kept: str) -> bool:
                return False

        monkeypatch.setattr(accounts, "_hasher", Slow())
        threads = [threading.Thread(target=accounts.check_password, args=("anna", GOOD)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == [2]


class TestSetting:
    def test_ones_own_needs_no_right(self, accounts):
        accounts.set_password("anna", OTHER, by="anna")
        assert accounts.check_password("anna", OTHER).is_administrator is False

    def test_that_of_somebody_else_needs_an_administrator(self, accounts, records):
        head = records.audit_head()
        with pytest.raises(NotAllowedError, match="'anna' is no administrator"):
            accounts.set_password("ben", OTHER, by="anna")
        assert records.audit_head() == head

    def test_nobody_makes_himself_an_administrator(self, accounts):
        with pytest.raises(NotAllowedError, match="'anna' is no administrator"):
            accounts.set_password("anna", OTHER, by="anna", is_administrator=True)

    def test_of_an_administrator_leaves_him_one(self, accounts):
        assert accounts.set_password("berg", OTHER, by="berg").is_administrator

    def test_of_nobody_is_refused(self, accounts):
        with pytest.raises(UnknownNameError, match="nobody here has the user name 'eve'"):
            accounts.set_password("eve", OTHER, by="berg")

    def test_of_whose_right_has_ended_is_refused(self, accounts, records):
        records.set_active("ben", is_active=False, by="berg", reason="left")
        with pytest.raises(InputError, match="not active any more"):
            accounts.set_password("ben", OTHER, by="berg")


class TestAdministrators:
    def test_the_first_one_makes_himself_and_is_added_to_the_staff(self, records):
        accounts = Accounts(records, CHEAP)
        assert not accounts.has_administrator()
        accounts.make_administrator(Person("berg", Role.PHYSICIST), GOOD)
        assert accounts.has_administrator()
        assert records.person("berg").role is Role.PHYSICIST

    def test_the_first_one_may_be_on_the_staff_already_in_that_role_only(self, records):
        accounts = Accounts(records, CHEAP)
        with pytest.raises(
            InputError, match=r"anna \(therapist\) is on the staff already, and not as physicist"
        ):
            accounts.make_administrator(Person("anna", Role.PHYSICIST), GOOD)
        accounts.make_administrator(Person("anna", Role.THERAPIST), GOOD)
        assert accounts.check_password("anna", GOOD).is_administrator

    def test_a_second_one_does_not_make_himself(self, accounts, records):
        head = records.audit_head()
        with pytest.raises(NotAllowedError, match=r"there is an administrator already \(berg\)"):
            accounts.make_administrator(Person("anna", Role.THERAPIST), OTHER)
        with pytest.raises(NotAllowedError, match="'anna' is no administrator"):
            accounts.make_administrator(Person("anna", Role.THERAPIST), OTHER, by="anna")
        assert records.audit_head() == head

    def test_a_second_one_is_made_by_the_first(self, accounts):
        accounts.make_administrator(Person("anna", Role.THERAPIST), OTHER, by="berg")
        assert accounts.check_password("anna", OTHER).is_administrator

    def test_the_last_one_cannot_be_ended_nor_lose_the_right(self, accounts):
        with pytest.raises(NotAllowedError, match="'berg' is the only administrator"):
            accounts.end("berg", by="berg", reason="left")
        with pytest.raises(NotAllowedError, match="'berg' is the only administrator"):
            accounts.set_password("berg", OTHER, by="berg", is_administrator=False)

    def test_when_all_have_left_the_first_one_is_made_again(self, accounts, records):
        records.set_active("berg", is_active=False, by="otto", reason="left")
        accounts.make_administrator(Person("anna", Role.THERAPIST), OTHER)
        assert [one.person.name for one in accounts.accounts()] == ["anna"]

    def test_a_weak_password_makes_none_and_adds_nobody(self, accounts, records):
        head = records.audit_head()
        with pytest.raises(InputError, match="it takes 12"):
            accounts.make_administrator(Person("eve", Role.PHYSICIST), "weak", by="berg")
        with pytest.raises(InputError, match="it takes 12"):
            accounts.add(Person("eve", Role.PHYSICIST), "weak", by="berg")
        assert records.audit_head() == head

    def test_a_right_that_ends_while_the_password_is_set_is_said(self, accounts, records, monkeypatch):
        keep = records.set_password

        def keep_and_end(name: str, *more: object, **named: object) -> None:
            keep(name, *more, **named)
            records.set_active(name, is_active=False, by="berg", reason="left")

        monkeypatch.setattr(records, "set_password", keep_and_end)
        with pytest.raises(SignInError, match="the right of 'anna' to sign ended"):
            accounts.set_password("anna", OTHER, by="anna")
