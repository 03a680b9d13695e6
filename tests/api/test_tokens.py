"""Who has a token of the issuer for this service is whom it names; nobody else is anybody."""

import asyncio
import time
import traceback
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.api.auth import tokens
from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.keys import Key, Keys, SharedSecret, public_key
from travio_inventory.api.auth.lasting import while_known
from travio_inventory.api.auth.port import Credentials, bearer_token
from travio_inventory.api.auth.tokens import TokenAuthentication, TokenRules
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import Unauthenticated
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, IssuerKey, hashed_with, token, unsigned

RULES = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
NOW = int(time.time())
OTHER_SECRET = "a secret of somebody else, which is as long"  # noqa: S105 - of a test
RSA = IssuerKey("RS256", "rsa")


class SetClock(SystemClock):
    """The time of day, and so much later."""

    later_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.later_ms


class Counted:
    """Keys, which counts how often it is asked."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.asked = 0

    async def find(self, kid: str) -> Sequence[Key]:
        self.asked += 1
        return await self._keys.find(kid)


class Published:
    """Keys: those of the issuer, without an address."""

    def __init__(self, keys: Sequence[IssuerKey]) -> None:
        self._keys = [(each.kid, public_key(each.published())) for each in keys]

    async def find(self, kid: str) -> Sequence[Key]:
        return [key for named, key in self._keys if named == kid and key is not None]


def by_secret(rules: TokenRules = RULES, **options: Identity) -> TokenAuthentication:
    return TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=SystemClock(), **options)


def without(claim: str) -> dict[str, Any]:
    return {claim: None}


async def identified(shown: str, rules: TokenRules = RULES) -> Identity:
    return await by_secret(rules).identify(Credentials(token=shown))


async def refused(authentication: TokenAuthentication, shown: str) -> str:
    """What is said of the token that is not believed; never anything of the token."""
    with pytest.raises(Unauthenticated) as refusal:
        await authentication.identify(Credentials(token=shown))
    assert refusal.value.error == "invalid_token"
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    return str(refusal.value)


async def test_a_token_says_who_calls_in_which_organization_and_for_what() -> None:
    ann = await identified(token())
    assert ann == Identity(
        frozenset({Grant.READ, Grant.HOLD, Grant.CONFIRM}), organization="acme", user="ann", subject="ann"
    )


@pytest.mark.parametrize(
    ("scope", "grants"),
    [
        ("openid hold profile", {Grant.HOLD}),
        (["read", 7, "admin"], {Grant.READ, Grant.ADMIN}),
        ("view everything HOLD", set()),
        ("", set()),
        (None, set()),
        (7, set()),
    ],
)
async def test_only_the_words_of_a_scope_that_mean_something_count(scope: object, grants: set[Grant]) -> None:
    assert (await identified(token(scope=scope))).grants == grants


async def test_a_service_that_acts_for_users_is_no_user_itself() -> None:
    shop = await identified(token(sub="shop", scope="hold delegate"))
    assert (shop.user, shop.subject, shop.names_user, shop.names_organization) == ("", "shop", True, False)


async def test_the_claim_of_the_organization_is_a_setting_and_has_a_default() -> None:
    rules = RULES._replace(organization_claim="https://acme.example/tenant")
    claim: dict[str, Any] = {"https://acme.example/tenant": "north"}
    assert (await identified(token(**claim), rules)).organization == "north"
    assert (await identified(token(), rules)).organization == "default"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (token(exp=NOW - 60), "the token has expired"),
        (token(nbf=NOW + 3_600), "the token is not valid yet"),
        (token(iat=NOW + 3_600), "the token is not valid yet"),
        (token(aud="another"), "the token is for another audience"),
        (token(iss="https://elsewhere.example"), "the token is of another issuer"),
        (token(secret=OTHER_SECRET), "the token is not valid"),
        (token(algorithm="HS512", secret=SECRET * 2), "the token is signed with an algorithm that its key does not"),
        (unsigned(), "the token is signed with an algorithm that its key does not"),
        (unsigned("NONE"), "the token is signed with an algorithm that its key does not"),
        (unsigned("HS256"), "the token is not valid"),
        *((token(**without(claim)), "the token lacks one of the claims") for claim in ("exp", "iat", "sub", "iss")),
        (token(aud=None), "the token"),
        (token(sub="ann\n"), "the claim sub of the token is not an id"),
        (token(sub=""), "the claim sub of the token is not an id"),
        (token(sub=7), "the token is not valid"),
        (token(org=["acme"]), "the claim org of the token is not an id"),
        (token(org=""), "the claim org of the token is not an id"),
        (token(exp="soon"), "the token is not valid"),
        (token(exp=float("inf")), "the token is not valid"),
        (token(exp=[]), "the token is not valid"),
        (RSA.token(), "the token is signed with an algorithm that its key does not"),
        ("a.b.c", "the token is not valid"),
        ("a token", "the token is not valid"),
        ("é.é.é", "the token is not valid"),
        (token(more="x" * 9_000), "the token is not valid"),
    ],
)
async def test_a_token_that_is_not_of_the_issuer_for_this_service_now_is_not_believed(shown: str, said: str) -> None:
    assert (await refused(by_secret(), shown)).startswith(said)


async def test_the_clocks_of_issuer_and_service_may_differ_by_the_leeway() -> None:
    assert (await identified(token(exp=int(time.time()) - 5))).user == "ann"
    assert (await identified(token(iat=int(time.time()) + 5))).user == "ann"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_verifies_what_its_private_key_signed_and_nothing_else(algorithm: str) -> None:
    key, other = IssuerKey(algorithm, "one"), IssuerKey(algorithm, "one")
    authentication = TokenAuthentication(Published([key]), RULES, clock=SystemClock())
    assert (await authentication.identify(Credentials(token=key.token()))).user == "ann"
    assert await refused(authentication, other.token()) == "the token is not valid"
    assert "does not have" in await refused(authentication, key.token(kid="two"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_that_a_public_key_signed_as_a_secret_is_not_believed(algorithm: str) -> None:
    """The attack on libraries that let the token choose: HS256 with the public key, which everybody knows."""
    key = IssuerKey(algorithm, "one")
    authentication = TokenAuthentication(Published([key]), RULES, clock=SystemClock())
    for secret in key.known_to_all():
        for hashed in ("HS256", "HS384", "HS512"):
            said = await refused(authentication, hashed_with(secret, alg=hashed, kid="one"))
            assert said == "the token is signed with an algorithm that its key does not have"


async def test_a_token_is_signed_by_the_key_that_it_names_and_by_no_other_of_the_issuer() -> None:
    one, two = IssuerKey("ES256", "one"), IssuerKey("ES256", "two")
    authentication = TokenAuthentication(Published([one, two]), RULES, clock=SystemClock())
    for key, other in ((one, two), (two, one)):
        assert (await authentication.identify(Credentials(token=key.token()))).user == "ann"
        assert await refused(authentication, key.token(kid=other.kid)) == "the token is not valid"


async def test_each_key_of_an_id_verifies_what_it_signed_with_its_own_algorithm() -> None:
    keys = [IssuerKey(algorithm, "same") for algorithm in ("RS256", "ES256", "ES256", "EdDSA")]
    authentication = TokenAuthentication(Published(keys), RULES, clock=SystemClock())
    for key in keys:
        assert (await authentication.identify(Credentials(token=key.token()))).user == "ann"
        assert await refused(authentication, key.token(exp=NOW - 60)) == "the token has expired"
        for secret in key.known_to_all():
            await refused(authentication, hashed_with(secret, alg="HS256", kid="same"))
    await refused(authentication, IssuerKey("ES256", "same").token())
    await refused(authentication, unsigned(kid="same"))


async def test_a_secret_is_never_shorter_than_its_algorithm_needs() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SharedSecret(b"x" * 31)


async def test_without_a_token_nobody_calls_unless_anybody_may_look() -> None:
    with pytest.raises(Unauthenticated) as refusal:
        await by_secret().identify(Credentials(organization="acme", user="ann"))
    assert refusal.value.error == ""
    assert await by_secret(anonymous=ANYONE).identify(Credentials(user="ann")) == ANYONE
    await refused(by_secret(anonymous=ANYONE), token(exp=NOW - 60))


async def test_a_token_is_verified_once_a_minute_however_often_it_is_shown() -> None:
    clock, keys = SetClock(), Counted(SharedSecret(SECRET.encode()))
    authentication = TokenAuthentication(keys, RULES, clock=clock)
    shown = Credentials(token=token())
    for _ in range(5):
        assert (await authentication.identify(shown)).user == "ann"
    assert keys.asked == 1
    clock.later_ms = tokens.KNOWN_S_MAX * 1_000
    await authentication.identify(shown)
    assert keys.asked == 2


async def test_a_token_is_known_no_longer_than_it_lasts() -> None:
    clock, keys = SetClock(), Counted(SharedSecret(SECRET.encode()))
    authentication = TokenAuthentication(keys, RULES, clock=clock)
    shown = Credentials(token=token(exp=int(time.time()) + 5))
    await authentication.identify(shown)
    clock.later_ms = 15_000
    await authentication.identify(shown)
    assert keys.asked == 2


async def test_no_more_tokens_are_known_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "TOKENS_KNOWN_MAX", 3)
    keys = Counted(SharedSecret(SECRET.encode()))
    authentication = TokenAuthentication(keys, RULES, clock=SystemClock())
    shown = [token(sub=f"user-{number}") for number in range(4)]
    for each in [*shown, shown[-1], shown[0]]:
        await authentication.identify(Credentials(token=each))
    assert keys.asked == 5  # the last is still known, the first is not


class Broken:
    """Keys with a bug."""

    async def find(self, kid: str) -> Sequence[Key]:
        raise RuntimeError(f"no {kid}")


async def test_a_token_is_not_in_the_traceback_of_a_bug() -> None:
    shown = RSA.token()
    with pytest.raises(RuntimeError) as bug:
        await TokenAuthentication(Broken(), RULES, clock=SystemClock()).identify(Credentials(token=shown))
    said = "".join(traceback.format_exception(bug.value))
    assert "no rsa" in said
    assert not [part for part in shown.split(".") if part in said]


async def test_a_token_itself_is_not_kept() -> None:
    authentication, shown = by_secret(), token()
    await authentication.identify(Credentials(token=shown))
    assert shown not in repr(vars(authentication))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
async def test_whatever_is_shown_is_a_token_or_refused(shown: str) -> None:
    signature = token().rpartition(".")[2]
    for each in (shown, f"{shown}.{shown}.{signature}", f"{token()}.{shown}"):
        if each:
            with pytest.raises(Unauthenticated):
                await by_secret().identify(Credentials(token=each))


async def test_an_answer_that_goes_on_ends_when_its_token_expires() -> None:
    async def answers() -> AsyncGenerator[int]:
        for number in range(40):
            yield number
            await asyncio.sleep(0.04)

    expires_at_s = int(time.time()) + 60
    lasting = await identified(token(exp=expires_at_s), RULES._replace(leeway_s=0))
    assert lasting.expires_at_s == expires_at_s
    caller = replace(lasting, expires_at_s=int(time.time()) + 1)
    got: list[int] = []

    async def take() -> None:
        async for each in while_known(caller, answers()):
            got.append(each)  # noqa: PERF401 - what came before the refusal

    with pytest.raises(Unauthenticated) as refused:
        await take()
    assert refused.value.error == "invalid_token"
    assert got == list(range(len(got)))
    assert len(got) < 40
    assert [each async for each in while_known(replace(caller, expires_at_s=0), answers())][-1] == 39


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Bearer abc", "abc"), ("bearer abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("", ""), ("Bearer", "")],
)
def test_the_token_is_what_stands_after_the_word_bearer(value: str, shown: str) -> None:
    assert bearer_token(value) == shown
