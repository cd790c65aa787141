/* The four swaps: 9 and 11 with the accounts of a dead order book, 16 and 17 without. Two transfers and a log line. */
#pragma once
#include "state.h"

#define LONG_ACCOUNTS 17 /* and one more where target orders are named */
#define SHORT_ACCOUNTS 8
#define COIN_TO_PC 2
#define PC_TO_COIN 1
#define LOG_SWAP_BASE_IN 3
#define LOG_SWAP_BASE_OUT 4

typedef struct {
    Account *token_program, *pool, *authority, *coin_vault, *pc_vault, *source, *target, *owner;
} SwapAccounts;

typedef struct {
    u64 first, second; /* exact and minimum, or maximum and exact */
    u64 coin, pc;      /* reserves */
    u64 direction;
    u64 in, out;
} Swap;

INLINE u64 find_accounts(SwapAccounts *a, bool is_long) {
    u64 n = F->accounts_len, vaults = 3, user = 5;
    if (is_long) {
        REQUIRE(n == LONG_ACCOUNTS || n == LONG_ACCOUNTS + 1, WRONG_ACCOUNTS_NUMBER);
        vaults = n == LONG_ACCOUNTS ? 4 : 5, user = n - 3;
    }
    REQUIRE(n >= SHORT_ACCOUNTS, NOT_ENOUGH_ACCOUNT_KEYS);
    a->token_program = ACCOUNT(0), a->pool = ACCOUNT(1), a->authority = ACCOUNT(2);
    a->coin_vault = ACCOUNT(vaults), a->pc_vault = ACCOUNT(vaults + 1);
    a->source = ACCOUNT(user), a->target = ACCOUNT(user + 1), a->owner = ACCOUNT(user + 2);
    return 0;
}

INLINE bool is_vault(const Account *account, const u8 *pool) {
    return same_key(account->key, pool + P_COIN_VAULT) || same_key(account->key, pool + P_PC_VAULT);
}

NOINLINE u64 check_accounts(const SwapAccounts *a) {
    CHECK(check_pool(a->pool));
    u8 *pool = a->pool->data;
    REQUIRE(a->owner->is_signer, INVALID_SIGN_ACCOUNT);
    REQUIRE(same_key(a->token_program->key, TOKEN), INVALID_SPL_TOKEN_PROGRAM);
    REQUIRE(U8(pool, P_NONCE) == AUTHORITY_NONCE && same_key(a->authority->key, AUTHORITY), INVALID_PROGRAM_ADDRESS);
    REQUIRE(same_key(a->coin_vault->key, pool + P_COIN_VAULT), INVALID_COIN_VAULT);
    REQUIRE(same_key(a->pc_vault->key, pool + P_PC_VAULT), INVALID_PC_VAULT);
    REQUIRE(!is_vault(a->source, pool) && !is_vault(a->target, pool), INVALID_USER_TOKEN);
    CHECK(check_token(a->coin_vault));
    CHECK(check_token(a->pc_vault));
    CHECK(check_token(a->source));
    CHECK(check_token(a->target));
    return 0;
}

/* Whether the pool swaps now; one that waited for its time does so from its first swap on. */
NOINLINE u64 open_pool(u8 *pool) {
    u64 status = U64(pool, P_STATUS);
    if (status > WAITING_TRADE) abort();
    REQUIRE(status == INITIALIZED || status == SWAP_ONLY || status == WAITING_TRADE, INVALID_STATUS);
    if (status == WAITING_TRADE) {
        REQUIRE((u64)F->clock.unix_timestamp >= U64(pool, P_OPEN_TIME), INVALID_STATUS);
        U64(pool, P_STATUS) = SWAP_ONLY;
    }
    return 0;
}

NOINLINE u64 reserves(const SwapAccounts *a, Swap *s) {
    u8 *pool = a->pool->data;
    u64 coin = amount_of(a->coin_vault), pc = amount_of(a->pc_vault);
    REQUIRE(pc >= U64(pool, P_OWED_PC) && coin >= U64(pool, P_OWED_COIN), CHECKED_SUB_OVERFLOW);
    s->pc = pc - U64(pool, P_OWED_PC), s->coin = coin - U64(pool, P_OWED_COIN);
    u8 *coin_mint = a->coin_vault->data + TOKEN_MINT, *pc_mint = a->pc_vault->data + TOKEN_MINT;
    u8 *source = a->source->data + TOKEN_MINT, *target = a->target->data + TOKEN_MINT;
    if (same_key(source, coin_mint) && same_key(target, pc_mint)) s->direction = COIN_TO_PC;
    else if (same_key(source, pc_mint) && same_key(target, coin_mint)) s->direction = PC_TO_COIN;
    else return INVALID_USER_TOKEN;
    return 0;
}

NOINLINE void log_swap(const SwapAccounts *a, const Swap *s, u8 kind, u64 computed) {
    event_u8(kind);
    event_u64(s->first);
    event_u64(s->second);
    event_u64(s->direction);
    event_u64(amount_of(a->source));
    event_u64(s->coin);
    event_u64(s->pc);
    event_u64(computed);
    ray_log();
}

/* What comes out for `first`: the fee rounded up, the output down. */
NOINLINE u64 swap_base_in(const SwapAccounts *a, Swap *s) {
    u8 *pool = a->pool->data;
    u64 reserve_in = s->direction == COIN_TO_PC ? s->coin : s->pc, reserve_out = s->direction == COIN_TO_PC ? s->pc : s->coin;
    if (amount_of(a->source) < s->first) {
        log_swap(a, s, LOG_SWAP_BASE_IN, 0);
        return INSUFFICIENT_FUNDS;
    }
    u64 fee = mul_div_ceil(s->first, U64(pool, P_FEE_NUMERATOR), U64(pool, P_FEE_DENOMINATOR));
    u64 traded = checked_sub(s->first, fee);
    /* A sum beyond u64 aborts here; the real program, with wider integers, fails later, as the vault overflows. */
    s->in = s->first, s->out = mul_div_floor(reserve_out, traded, checked_add(reserve_in, traded));
    log_swap(a, s, LOG_SWAP_BASE_IN, s->out);
    REQUIRE(s->out >= s->second, EXCEEDED_SLIPPAGE);
    REQUIRE(s->out != 0 && s->in != 0, INVALID_INPUT);
    REQUIRE(s->out < reserve_out, INSUFFICIENT_FUNDS);
    return 0;
}

/* What `second` costs: rounded up by the curve and again by the fee. */
NOINLINE u64 swap_base_out(const SwapAccounts *a, Swap *s) {
    u8 *pool = a->pool->data;
    u64 reserve_in = s->direction == COIN_TO_PC ? s->coin : s->pc, reserve_out = s->direction == COIN_TO_PC ? s->pc : s->coin;
    u64 traded = mul_div_ceil(reserve_in, s->second, checked_sub(reserve_out, s->second));
    u64 one = U64(pool, P_FEE_DENOMINATOR);
    s->in = mul_div_ceil(traded, one, checked_sub(one, U64(pool, P_FEE_NUMERATOR))), s->out = s->second;
    log_swap(a, s, LOG_SWAP_BASE_OUT, s->in);
    REQUIRE(amount_of(a->source) >= s->in, INSUFFICIENT_FUNDS);
    REQUIRE(s->first >= s->in, EXCEEDED_SLIPPAGE);
    REQUIRE(s->in != 0 && s->out != 0, INVALID_INPUT);
    REQUIRE(s->out < reserve_out, INSUFFICIENT_FUNDS);
    return 0;
}

NOINLINE u64 swap(bool base_in, bool is_long) {
    REQUIRE(F->data_len >= 17, INVALID_INSTRUCTION_DATA);
    SwapAccounts a;
    Swap s;
    CHECK(find_accounts(&a, is_long));
    CHECK(check_accounts(&a));
    u8 *pool = a.pool->data;
    CHECK(open_pool(pool));
    CHECK(reserves(&a, &s));
    s.first = U64(F->data, 1), s.second = U64(F->data, 9);
    if (base_in) CHECK(swap_base_in(&a, &s))
    else CHECK(swap_base_out(&a, &s))
    bool coin_in = s.direction == COIN_TO_PC;
    Account *vault_in = coin_in ? a.coin_vault : a.pc_vault, *vault_out = coin_in ? a.pc_vault : a.coin_vault;
    change_supply(TRANSFER, a.source, vault_in, a.owner, a.token_program, s.in, 0);
    change_supply(TRANSFER, vault_out, a.target, a.authority, a.token_program, s.out, sign_as_authority(pool));
    U64(pool, P_EPOCH) = F->clock.epoch;
    return 0;
}
