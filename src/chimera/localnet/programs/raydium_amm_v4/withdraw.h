/* Withdraw: the protocol's share of what the pool has earned since the last time, then the LP's share of the rest.
 *
 * Earned is what the product of the reserves has grown by since `target orders` last wrote it down, at today's price;
 * numbers there are scaled to one decimal for both tokens. Source: raydium-amm `process_withdraw`, `calc_take_pnl`.
 */
#pragma once
#include "big.h"
#include "state.h"

#define WITHDRAW_ACCOUNTS 11
#define WITHDRAW_ACCOUNTS_LONG 20 /* with a dead order book; 22 and more have two paddings before it */
#define ORDERS_LEN 2208
#define O_OWNER 0
#define O_PNL_PC 1024
#define O_PNL_COIN 1040
#define P_COIN_DECIMALS 32
#define P_PC_DECIMALS 40
#define P_SYSTEM_DECIMAL 120
#define P_PNL_NUMERATOR 160
#define P_PNL_DENOMINATOR 168
#define LOG_WITHDRAW 2

typedef struct {
    Account *token_program, *pool, *authority, *orders, *lp_mint, *coin_vault, *pc_vault;
    Account *source, *coin, *pc, *owner;
} WithdrawAccounts;

typedef struct {
    u64 coin, pc;       /* reserves, the protocol's new share off */
    Big pc_now, coin_now; /* reserves before it, scaled */
    Big pc_taken, coin_taken;
} Earned;

INLINE u64 find_withdraw_accounts(WithdrawAccounts *a) {
    u64 n = F->accounts_len, first = 3, user = 7;
    if (n != WITHDRAW_ACCOUNTS) {
        REQUIRE(n >= WITHDRAW_ACCOUNTS_LONG && n <= WITHDRAW_ACCOUNTS_LONG + 3, WRONG_ACCOUNTS_NUMBER);
        first = 4, user = n >= WITHDRAW_ACCOUNTS_LONG + 2 ? 15 : 13;
    }
    a->token_program = ACCOUNT(0), a->pool = ACCOUNT(1), a->authority = ACCOUNT(2);
    a->orders = ACCOUNT(first), a->lp_mint = ACCOUNT(first + 1);
    a->coin_vault = ACCOUNT(first + 2), a->pc_vault = ACCOUNT(first + 3);
    a->source = ACCOUNT(user), a->coin = ACCOUNT(user + 1), a->pc = ACCOUNT(user + 2), a->owner = ACCOUNT(user + 3);
    return 0;
}

NOINLINE u64 check_withdraw_accounts(const WithdrawAccounts *a) {
    u8 *pool = a->pool->data, *orders = a->orders->data;
    REQUIRE(a->owner->is_signer, INVALID_SIGN_ACCOUNT);
    REQUIRE(same_key(a->pool->owner, F->program), INVALID_AMM_ACCOUNT_OWNER);
    REQUIRE(a->pool->data_len == POOL_LEN, EXPECTED_ACCOUNT);
    REQUIRE(U64(pool, P_STATUS) != UNINITIALIZED, INVALID_STATUS);
    REQUIRE(same_key(a->orders->owner, F->program), INVALID_TARGET_ACCOUNT_OWNER);
    REQUIRE(a->orders->data_len == ORDERS_LEN, EXPECTED_ACCOUNT);
    REQUIRE(same_key(orders + O_OWNER, a->pool->key), INVALID_TARGET_OWNER);
    if (U64(pool, P_STATUS) > WAITING_TRADE) abort();
    REQUIRE(U64(pool, P_STATUS) != DISABLED, INVALID_STATUS);
    REQUIRE(U8(pool, P_NONCE) == AUTHORITY_NONCE && same_key(a->authority->key, AUTHORITY), INVALID_PROGRAM_ADDRESS);
    REQUIRE(same_key(a->token_program->key, TOKEN), INVALID_SPL_TOKEN_PROGRAM);
    REQUIRE(same_key(a->coin_vault->key, pool + P_COIN_VAULT) && !same_key(a->coin->key, pool + P_COIN_VAULT),
            INVALID_COIN_VAULT);
    REQUIRE(same_key(a->pc_vault->key, pool + P_PC_VAULT) && !same_key(a->pc->key, pool + P_PC_VAULT),
            INVALID_PC_VAULT);
    REQUIRE(same_key(a->orders->key, pool + P_TARGET_ORDERS), INVALID_TARGET_ORDERS);
    REQUIRE(same_key(a->lp_mint->key, pool + P_LP_MINT), INVALID_POOL_MINT);
    CHECK(check_token(a->coin_vault));
    CHECK(check_token(a->pc_vault));
    CHECK(check_token(a->coin));
    CHECK(check_token(a->pc));
    REQUIRE(same_key(a->coin->data + TOKEN_MINT, pool + P_COIN_MINT), INVALID_COIN_MINT);
    REQUIRE(same_key(a->pc->data + TOKEN_MINT, pool + P_PC_MINT), INVALID_PC_MINT);
    REQUIRE(same_key(a->lp_mint->owner, TOKEN), INVALID_SPL_TOKEN_PROGRAM);
    REQUIRE(data_len(a->lp_mint) == MINT_LEN && U8(a->lp_mint->data, MINT_INITIALIZED) == 1, EXPECTED_MINT);
    CHECK(check_token(a->source));
    REQUIRE(same_key(a->source->data + TOKEN_OWNER, a->owner->key), INVALID_OWNER);
    REQUIRE(same_key(a->source->data + TOKEN_MINT, a->lp_mint->key), INVALID_TOKEN_LP);
    return 0;
}

NOINLINE u64 ten_to(u64 power) {
    u64 value = 1;
    if (power > 19) abort();
    while (power-- > 0) value *= 10;
    return value;
}

INLINE void scale(Big *amount, const u8 *pool, u64 decimals_at) {
    big_mul_div(amount, U64(pool, P_SYSTEM_DECIMAL), ten_to(U64(pool, decimals_at)));
}

INLINE void unscale(Big *amount, const u8 *pool, u64 decimals_at) {
    big_mul_div(amount, ten_to(U64(pool, decimals_at)), U64(pool, P_SYSTEM_DECIMAL));
}

/* What of the scaled growth is the protocol's, unscaled; the growth itself is left scaled and shared. */
NOINLINE u64 share(Big *growth, const u8 *pool, u64 decimals_at) {
    u64 numerator = U64(pool, P_PNL_NUMERATOR), denominator = U64(pool, P_PNL_DENOMINATOR);
    Big unscaled = *growth;
    unscale(&unscaled, pool, decimals_at);
    big_mul_div(&unscaled, numerator, denominator);
    big_mul_div(growth, numerator, denominator);
    return as_u64(&unscaled);
}

NOINLINE u64 take_earned(u8 *pool, const u8 *orders, Earned *e) {
    Big then_pc = big_at(orders, O_PNL_PC), then_coin = big_at(orders, O_PNL_COIN);
    Big product = big(e->pc), factor = big(e->coin), before = then_pc, before_coin = then_coin;
    big_mul(&product, &factor);
    unscale(&before, pool, P_PC_DECIMALS);
    unscale(&before_coin, pool, P_COIN_DECIMALS);
    big_mul(&before, &before_coin);
    REQUIRE(!big_less(&product, &before), CALC_PNL_ERROR);

    /* the reserves of then at the price of now: pc = sqrt(pc then * coin then * price), coin = pc / price */
    Big pc = then_pc;
    big_mul(&pc, &then_coin);
    big_mul(&pc, &e->pc_now);
    big_div(&pc, &e->coin_now);
    big_root(&pc);
    Big coin = pc;
    big_mul(&coin, &e->coin_now);
    big_div(&coin, &e->pc_now);
    e->pc_taken = e->pc_now, e->coin_taken = e->coin_now;
    big_sub(&e->pc_taken, &pc);
    big_sub(&e->coin_taken, &coin);
    u64 pc_share = share(&e->pc_taken, pool, P_PC_DECIMALS), coin_share = share(&e->coin_taken, pool, P_COIN_DECIMALS);
    if (pc_share == 0 || coin_share == 0) {
        e->pc_taken = big(0), e->coin_taken = big(0);
        return 0;
    }
    U64(pool, P_OWED_PC) = checked_add(U64(pool, P_OWED_PC), pc_share);
    U64(pool, P_OWED_COIN) = checked_add(U64(pool, P_OWED_COIN), coin_share);
    e->pc = checked_sub(e->pc, pc_share), e->coin = checked_sub(e->coin, coin_share);
    return 0;
}

/* What is left of the scaled reserves after what went out, written down for the next time. */
INLINE void note(u8 *pool, u8 *orders, u64 at, u64 decimals_at, Big *now, u64 out, const Big *taken) {
    Big gone = big(out);
    scale(&gone, pool, decimals_at);
    big_sub(now, &gone);
    big_sub(now, taken);
    put_u128(orders, at, now);
}

NOINLINE u64 withdraw(void) {
    REQUIRE(F->data_len >= 9, INVALID_INSTRUCTION_DATA);
    WithdrawAccounts a;
    CHECK(find_withdraw_accounts(&a));
    CHECK(check_withdraw_accounts(&a));
    u8 *pool = a.pool->data, *orders = a.orders->data;
    u64 amount = U64(F->data, 1), lp = U64(pool, P_LP_AMOUNT);
    REQUIRE(amount <= amount_of(a.source), INSUFFICIENT_FUNDS);
    REQUIRE(amount <= U64(a.lp_mint->data, 36) && amount < lp, NOT_ALLOW_ZERO_LP);

    Earned e;
    u64 coin_held = amount_of(a.coin_vault), pc_held = amount_of(a.pc_vault);
    REQUIRE(pc_held >= U64(pool, P_OWED_PC) && coin_held >= U64(pool, P_OWED_COIN), CHECKED_SUB_OVERFLOW);
    e.pc = pc_held - U64(pool, P_OWED_PC), e.coin = coin_held - U64(pool, P_OWED_COIN);
    e.pc_now = big(e.pc), e.coin_now = big(e.coin), e.pc_taken = big(0), e.coin_taken = big(0);
    scale(&e.pc_now, pool, P_PC_DECIMALS);
    scale(&e.coin_now, pool, P_COIN_DECIMALS);
    if (U64(pool, P_STATUS) != WITHDRAW_ONLY) CHECK(take_earned(pool, orders, &e));

    u64 coin = mul_div_floor(e.coin, amount, lp), pc = mul_div_floor(e.pc, amount, lp);
    event_u8(LOG_WITHDRAW);
    event_u64(amount);
    event_u64(amount_of(a.source));
    event_u64(e.coin);
    event_u64(e.pc);
    event_u64(lp);
    for (u64 at = O_PNL_PC; at < O_PNL_COIN + 16; at += 8) event_u64(U64(orders, at));
    event_u64(coin);
    event_u64(pc);
    ray_log();
    REQUIRE(amount != 0 && coin != 0 && pc != 0, INVALID_INPUT);
    REQUIRE(coin < coin_held && pc < pc_held, TAKE_PNL_ERROR);
    if (F->data_len >= 25) REQUIRE(coin >= U64(F->data, 9) && pc >= U64(F->data, 17), EXCEEDED_SLIPPAGE);

    change_supply(TRANSFER, a.coin_vault, a.coin, a.authority, a.token_program, coin, sign_as_authority(pool));
    change_supply(TRANSFER, a.pc_vault, a.pc, a.authority, a.token_program, pc, sign_as_authority(pool));
    change_supply(BURN, a.source, a.lp_mint, a.owner, a.token_program, amount, 0);
    U64(pool, P_LP_AMOUNT) = lp - amount;
    note(pool, orders, O_PNL_PC, P_PC_DECIMALS, &e.pc_now, pc, &e.pc_taken);
    note(pool, orders, O_PNL_COIN, P_COIN_DECIMALS, &e.coin_now, coin, &e.coin_taken);
    U64(pool, P_EPOCH) = F->clock.epoch;
    return 0;
}
