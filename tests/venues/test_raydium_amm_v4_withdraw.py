"""Liquidity that leaves an AMM V4 pool on the embedded chain, against the same arithmetic in whole numbers."""

import random
from base64 import b64decode
from math import isqrt
from typing import Any

import msgspec
import pytest
from tests.venues.conftest import EPOCH, Lab, name

from chimera.domain.chain import Account, AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.localnet.programs import amm_pools
from chimera.localnet.programs.amm_pools import PoolAccounts, Side
from chimera.onchain.keys import associated_token_address


class Books(msgspec.Struct):
    """What a withdrawal depends on and changes, read from the accounts."""

    coin: int
    pc: int
    owed_coin: int
    owed_pc: int
    lp: int
    pnl_pc: int
    pnl_coin: int
    supply: int


def number(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def read_books(lab: Lab, accounts: PoolAccounts) -> Books:
    pool, orders = lab.account(accounts.pool).data, lab.account(accounts.target_orders).data
    return Books(
        coin=lab.balance(accounts.coin_vault), pc=lab.balance(accounts.pc_vault),
        owed_coin=number(pool, 192), owed_pc=number(pool, 200), lp=number(pool, 720),
        pnl_pc=number(orders, 1_024, 16), pnl_coin=number(orders, 1_040, 16),
        supply=number(lab.account(accounts.lp_mint).data, 36),
    )  # fmt: skip


def withdrawn(
    books: Books, lp: int, *, coin_decimals: int, pc_decimals: int, earns: bool = True
) -> tuple[Books, int, int]:
    """(books after it, coin out, pc out) as `process_withdraw` computes."""
    unit = 10 ** max(coin_decimals, pc_decimals)

    def scaled(amount: int, decimals: int) -> int:
        return amount * unit // 10**decimals

    def unscaled(amount: int, decimals: int) -> int:
        return amount * 10**decimals // unit

    coin, pc = books.coin - books.owed_coin, books.pc - books.owed_pc
    x1, y1 = scaled(pc, pc_decimals), scaled(coin, coin_decimals)
    taken_x = taken_y = share_coin = share_pc = 0
    if earns:
        assert pc * coin >= unscaled(books.pnl_pc, pc_decimals) * unscaled(books.pnl_coin, coin_decimals)
        x2 = isqrt(books.pnl_pc * books.pnl_coin * x1 // y1)
        y2 = x2 * y1 // x1
        share_pc = unscaled(x1 - x2, pc_decimals) * 12 // 100
        share_coin = unscaled(y1 - y2, coin_decimals) * 12 // 100
        taken_x, taken_y = (x1 - x2) * 12 // 100, (y1 - y2) * 12 // 100
        if not share_pc or not share_coin:
            taken_x = taken_y = share_coin = share_pc = 0
    coin, pc = coin - share_coin, pc - share_pc
    coin_out, pc_out = coin * lp // books.lp, pc * lp // books.lp
    after = Books(
        books.coin - coin_out, books.pc - pc_out, books.owed_coin + share_coin, books.owed_pc + share_pc,
        books.lp - lp, x1 - scaled(pc_out, pc_decimals) - taken_x, y1 - scaled(coin_out, coin_decimals) - taken_y,
        books.supply - lp,
    )  # fmt: skip
    return after, coin_out, pc_out


def open_pool(
    lab: Lab, *, coin: tuple[int, int], pc: tuple[int, int], **made: Any
) -> tuple[PoolAccounts, Address, list[Address]]:
    """(a pool, the owner of all its LP units, [coin mint, pc mint])"""
    owner = lab.person("provider")
    mints = [lab.mint("coin", decimals=coin[1]), lab.mint("pc", decimals=pc[1])]
    for mint in mints:
        lab.fund(owner, mint, 0)
    accounts = PoolAccounts(market=name("market"))
    sides = {"coin": Side(mints[0][0], coin[1], coin[0]), "pc": Side(mints[1][0], pc[1], pc[0])}
    for account in amm_pools.genesis_accounts(accounts, **sides, **made):
        lab.put(account)
    lab.fund(owner, (accounts.lp_mint, TOKEN_PROGRAM), read_books(lab, accounts).supply)
    return accounts, owner, [mint for mint, _ in mints]


def earn(lab: Lab, vault: Address, amount: int) -> None:
    """Fees that traders have left in the vault."""
    account = lab.account(vault)
    data = account.data[:64] + (number(account.data, 64) + amount).to_bytes(8, "little") + account.data[72:]
    lab.put(Account(vault, account.owner, account.lamports, data))


@pytest.mark.parametrize(
    ("coin", "pc"),
    [
        ((10**12, 9), (3 * 10**11, 6)),
        ((10**15 + 7, 6), (10**12 + 3, 9)),
        ((10**10, 0), (10**18, 9)),
        ((2**60, 6), (2**60, 6)),
    ],
)
def test_liquidity_and_the_protocols_share_come_out_as_the_arithmetic_says(
    lab: Lab, coin: Any, pc: Any
) -> None:
    accounts, owner, mints = open_pool(lab, coin=coin, pc=pc)
    chance = random.Random(f"{coin}{pc}")
    shared = 0
    for _ in range(25):
        if chance.random() < 0.7:
            earn(lab, accounts.coin_vault, chance.randrange(coin[0] // chance.choice((10, 10**6))))
            earn(lab, accounts.pc_vault, chance.randrange(pc[0] // chance.choice((10, 10**6))))
        before = read_books(lab, accounts)
        lp = chance.choice((before.lp // 7, before.lp // 1_000, chance.randrange(1, before.supply // 5)))
        after, coin_out, pc_out = withdrawn(before, lp, coin_decimals=coin[1], pc_decimals=pc[1])
        call = amm_pools.withdraw(
            accounts,
            owner=owner,
            coin_mint=mints[0],
            pc_mint=mints[1],
            lp_amount=lp,
            coin_min=coin_out,
            pc_min=pc_out,
        )
        tighter = call.data[:9] + (coin_out + 1).to_bytes(8, "little") + call.data[17:]
        assert "Custom(30)" in lab.refused(owner, InstructionCall(call.program, call.accounts, tighter))
        held = [lab.balance(associated_token_address(owner, mint)) for mint in mints]
        logs = lab.must(owner, call)
        assert read_books(lab, accounts) == after
        gained = [
            lab.balance(associated_token_address(owner, mint)) - had
            for mint, had in zip(mints, held, strict=True)
        ]
        assert gained == [coin_out, pc_out]
        (line,) = [line for line in logs if "ray_log" in line]
        told = b64decode(line.removeprefix("Program log: ray_log: "))
        assert len(told) == 89 and (told[0], number(told, 1), number(told, 73), number(told, 81)) == (
            2,
            lp,
            coin_out,
            pc_out,
        )
        assert number(lab.account(accounts.pool).data, 736) == EPOCH
        shared += after.owed_pc > before.owed_pc
    assert shared > 5


def test_a_pool_for_withdrawals_only_shares_nothing_and_a_disabled_one_gives_nothing(lab: Lab) -> None:
    accounts, owner, mints = open_pool(lab, coin=(10**12, 9), pc=(10**12, 6), status=amm_pools.WITHDRAW_ONLY)
    earn(lab, accounts.coin_vault, 10**11)
    earn(lab, accounts.pc_vault, 10**11)
    before = read_books(lab, accounts)
    after, _, _ = withdrawn(before, 10**9, coin_decimals=9, pc_decimals=6, earns=False)
    call = amm_pools.withdraw(accounts, owner=owner, coin_mint=mints[0], pc_mint=mints[1], lp_amount=10**9)
    lab.must(owner, call)
    assert read_books(lab, accounts) == after
    pool = lab.account(accounts.pool)
    lab.put(Account(pool.address, pool.owner, pool.lamports, b"\x02" + pool.data[1:]))
    assert "Custom(22)" in lab.refused(owner, call)


def test_withdrawals_that_cannot_be_are_refused(lab: Lab) -> None:
    accounts, owner, mints = open_pool(lab, coin=(10**12, 9), pc=(10**12, 6))
    wanted = {"owner": owner, "coin_mint": mints[0], "pc_mint": mints[1]}
    supply = read_books(lab, accounts).supply
    assert "Custom(40)" in lab.refused(owner, amm_pools.withdraw(accounts, **wanted, lp_amount=supply + 1))
    assert "Custom(29)" in lab.refused(owner, amm_pools.withdraw(accounts, **wanted, lp_amount=0))
    call = amm_pools.withdraw(accounts, **wanted, lp_amount=10**9)
    stranger = lab.person("stranger")
    for place, error in (
        (0, 38),
        (1, 27),
        (2, 1),
        (3, 25),
        (4, 9),
        (5, 4),
        (6, 5),
        (7, 38),
        (8, 38),
        (10, 18),
    ):
        metas = list(call.accounts)
        metas[place] = AccountMeta(stranger, is_signer=place == 10, is_writable=metas[place].is_writable)
        assert f"Custom({error})" in lab.refused(
            owner, InstructionCall(call.program, tuple(metas), call.data)
        ), place
    assert "Custom(24)" in lab.refused(owner, InstructionCall(call.program, call.accounts[:10], call.data))
    # less in the vaults than was there the last time: somebody else's money is missing
    earn(lab, accounts.coin_vault, -(10**11))
    assert "Custom(37)" in lab.refused(owner, call)


def test_the_long_list_of_accounts_means_the_same(lab: Lab) -> None:
    accounts, owner, mints = open_pool(lab, coin=(10**12, 9), pc=(10**12, 6))
    call = amm_pools.withdraw(accounts, owner=owner, coin_mint=mints[0], pc_mint=mints[1], lp_amount=10**9)
    dead = [AccountMeta(name(f"dead {n}"), is_signer=False, is_writable=False) for n in range(11)]
    metas = call.accounts
    for padding in (0, 1, 2, 3):
        paddings = dead[:2] if padding > 1 else []
        tail = [*dead[8:11], *dead[7:8] * (padding % 2)]
        named = (*metas[:3], dead[2], *metas[3:7], *paddings, *dead[3:8], *metas[7:], *tail)
        assert len(named) == 20 + padding
        before = read_books(lab, accounts)
        lab.must(owner, InstructionCall(call.program, named, call.data))
        assert read_books(lab, accounts).lp == before.lp - 10**9
