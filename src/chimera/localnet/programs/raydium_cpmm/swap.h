/* swap_base_input and swap_base_output: checks, the curve with its fees, the event, the two transfers. */
#pragma once
#include "observation.h"

enum {
    S_PAYER, S_AUTHORITY, S_CONFIG, S_POOL, S_USER_IN, S_USER_OUT, S_VAULT_IN, S_VAULT_OUT, S_PROGRAM_IN, S_PROGRAM_OUT,
    S_MINT_IN, S_MINT_OUT, S_OBSERVATION, SWAP_ACCOUNTS,
};

INLINE u64 check_swap_accounts(void) {
    REQUIRE(F->accounts_len >= SWAP_ACCOUNTS, NOT_ENOUGH_KEYS);
    const Account *config = ACCOUNT(S_CONFIG), *observation = ACCOUNT(S_OBSERVATION);
    REQUIRE(ACCOUNT(S_PAYER)->is_signer, NOT_SIGNER);
    REQUIRE(same_key(config->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(config->data_len >= C_CREATOR + 8 && U64(config->data, 0) == AMM_CONFIG, DISCRIMINATOR_MISMATCH);
    CHECK(check_pool(ACCOUNT(S_POOL)));
    for (u64 i = S_USER_IN; i <= S_VAULT_OUT; i++) CHECK(check_token_account(ACCOUNT(i)));
    REQUIRE(is_token_program(ACCOUNT(S_PROGRAM_IN)->key), INVALID_PROGRAM_ID);
    REQUIRE(is_token_program(ACCOUNT(S_PROGRAM_OUT)->key), INVALID_PROGRAM_ID);
    CHECK(check_mint(ACCOUNT(S_MINT_IN)));
    CHECK(check_mint(ACCOUNT(S_MINT_OUT)));
    REQUIRE(same_key(observation->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(observation->data_len >= OBSERVATION_LEN && U64(observation->data, 0) == OBSERVATION_STATE,
            DISCRIMINATOR_MISMATCH);

    u8 *pool = ACCOUNT(S_POOL)->data;
    REQUIRE(same_key(ACCOUNT(S_AUTHORITY)->key, AUTHORITY), CONSTRAINT_SEEDS);
    REQUIRE(same_key(config->key, pool + P_CONFIG), CONSTRAINT_ADDRESS);
    for (u64 i = S_POOL; i <= S_VAULT_OUT; i++) REQUIRE(ACCOUNT(i)->is_writable, CONSTRAINT_MUT);
    for (u64 i = S_VAULT_IN; i <= S_VAULT_OUT; i++)
        REQUIRE(same_key(ACCOUNT(i)->key, pool + P_VAULT_0) || same_key(ACCOUNT(i)->key, pool + P_VAULT_1),
                CONSTRAINT_RAW);
    REQUIRE(same_key(ACCOUNT(S_MINT_IN)->key, ACCOUNT(S_VAULT_IN)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(S_MINT_OUT)->key, ACCOUNT(S_VAULT_OUT)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(observation->is_writable, CONSTRAINT_MUT);
    REQUIRE(same_key(observation->key, pool + P_OBSERVATION), CONSTRAINT_ADDRESS);
    return 0;
}

/* One trade against the curve. Amounts without transfer fees: `in` is what reaches the vault, `out` what leaves it. */
typedef struct {
    u64 reserve_in, reserve_out;
    u64 trade_rate, creator_rate;
    bool creator_on_input;
    u64 in, out;
    u64 trade_fee, creator_fee;
} Trade;

/* Splits one fee, rounded up as a whole, into the creator's (rounded down) and the trade's. */
INLINE u64 split_input_fee(Trade *t, u64 total) {
    u64 rate = t->trade_rate + t->creator_rate;
    if (rate == 0) ZERO_TRADING_TOKENS(); /* the real program's division by nothing ends here */
    t->creator_fee = mul_div_floor(total, t->creator_rate, rate);
    t->trade_fee = total - t->creator_fee;
    return 0;
}

NOINLINE u64 trade_exact_in(Trade *t) {
    u64 fee = mul_div_ceil(t->in, t->trade_rate + (t->creator_on_input ? t->creator_rate : 0), RATE);
    if (t->creator_on_input) CHECK(split_input_fee(t, fee))
    else t->trade_fee = fee;
    if (fee > t->in) ZERO_TRADING_TOKENS();
    u64 traded = t->in - fee;
    /* A sum beyond u64 aborts here; the real program, with wider integers, fails later, as the vault overflows. */
    t->out = mul_div_floor(traded, t->reserve_out, checked_add(t->reserve_in, traded));
    if (!t->creator_on_input) {
        t->creator_fee = mul_div_ceil(t->out, t->creator_rate, RATE);
        if (t->creator_fee > t->out) ZERO_TRADING_TOKENS();
        t->out -= t->creator_fee;
    }
    return 0;
}

INLINE u64 before_fee(u64 amount, u64 rate) {
    return rate == 0 ? amount : mul_div_ceil(amount, RATE, checked_sub(RATE, rate));
}

NOINLINE u64 trade_exact_out(Trade *t) {
    u64 leaving = t->out;
    if (!t->creator_on_input) {
        if (t->creator_rate >= RATE) ZERO_TRADING_TOKENS();
        leaving = before_fee(t->out, t->creator_rate);
        t->creator_fee = leaving - t->out;
    }
    u64 traded = mul_div_ceil(t->reserve_in, leaving, checked_sub(t->reserve_out, leaving));
    t->in = before_fee(traded, t->trade_rate + (t->creator_on_input ? t->creator_rate : 0));
    if (t->creator_on_input) CHECK(split_input_fee(t, t->in - traded))
    else t->trade_fee = t->in - traded;
    return 0;
}

INLINE void add_to(u8 *pool, u64 at, u64 amount) { U64(pool, at) = checked_add(U64(pool, at), amount); }

NOINLINE u64 swap(bool base_input) {
    REQUIRE(F->data_len >= 24, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(check_swap_accounts());
    u64 first = U64(F->data, 8), second = U64(F->data, 16);
    Account *vault_in = ACCOUNT(S_VAULT_IN), *vault_out = ACCOUNT(S_VAULT_OUT);
    Account *mint_in = ACCOUNT(S_MINT_IN), *mint_out = ACCOUNT(S_MINT_OUT);
    u8 *pool = ACCOUNT(S_POOL)->data, *config = ACCOUNT(S_CONFIG)->data;

    if (!base_input) REQUIRE(second > 0, REQUIRE_GT_VIOLATED);
    if (U8(pool, P_STATUS) & STATUS_NO_SWAP || (u64)F->clock.unix_timestamp < U64(pool, P_OPEN_TIME)) NOT_APPROVED();

    Trade t;
    u64 fee_in = 0, fee_out = 0;
    if (base_input) {
        fee_in = transfer_fee(mint_in, first);
        t.in = first > fee_in ? first - fee_in : 0;
        REQUIRE(t.in > 0, REQUIRE_GT_VIOLATED);
    } else {
        fee_out = transfer_fee_inverse(mint_out, second);
        t.out = checked_add(second, fee_out);
    }

    bool zero_for_one = same_key(vault_in->key, pool + P_VAULT_0);
    if (same_key(vault_in->key, vault_out->key)) FAIL(6008, "InvalidVault", "invaild vault");
    CHECK(reserve(vault_in, pool, zero_for_one, &t.reserve_in));
    CHECK(reserve(vault_out, pool, !zero_for_one, &t.reserve_out));

    /* prices before the trade, Q32: numerators are the other reserve shifted by 32 bits */
    u64 reserve_0 = zero_for_one ? t.reserve_in : t.reserve_out, reserve_1 = zero_for_one ? t.reserve_out : t.reserve_in;
    Quotient price_0, price_1;
    Wide scaled = {reserve_1 >> 32, reserve_1 << 32};
    wide_div(&scaled, reserve_0, &price_0);
    scaled.hi = reserve_0 >> 32, scaled.lo = reserve_0 << 32;
    wide_div(&scaled, reserve_1, &price_1);

    u8 fee_on = U8(pool, P_CREATOR_FEE_ON);
    if (fee_on > 2) FAIL(6013, "InvalidFeeModel", "Invalid fee model");
    t.creator_on_input = fee_on == 0 || (fee_on == 1) == zero_for_one;
    t.trade_rate = U64(config, C_TRADE);
    t.creator_rate = U8(pool, P_CREATOR_FEE_ENABLED) ? U64(config, C_CREATOR) : 0;
    checked_add(t.trade_rate, t.creator_rate);

    u64 sent, leaving;
    if (base_input) {
        CHECK(trade_exact_in(&t));
        sent = first, leaving = t.out;
        fee_out = transfer_fee(mint_out, leaving);
        u64 received = checked_sub(leaving, fee_out);
        REQUIRE(received > 0, REQUIRE_GT_VIOLATED);
        if (received < second) EXCEEDED_SLIPPAGE();
    } else {
        CHECK(trade_exact_out(&t));
        REQUIRE(t.in > 0, REQUIRE_GT_VIOLATED);
        fee_in = transfer_fee_inverse(mint_in, t.in);
        sent = checked_add(t.in, fee_in), leaving = t.out;
        if (first < sent) EXCEEDED_SLIPPAGE();
    }

    add_to(pool, zero_for_one ? P_PROTOCOL_0 : P_PROTOCOL_1, mul_div_floor(t.trade_fee, U64(config, C_PROTOCOL), RATE));
    add_to(pool, zero_for_one ? P_FUND_0 : P_FUND_1, mul_div_floor(t.trade_fee, U64(config, C_FUND), RATE));
    add_to(pool, t.creator_on_input == zero_for_one ? P_CREATOR_0 : P_CREATOR_1, t.creator_fee);

    event_u64(SWAP_EVENT);
    event_key(ACCOUNT(S_POOL)->key);
    event_u64(t.reserve_in);
    event_u64(t.reserve_out);
    event_u64(t.in);
    event_u64(t.out);
    event_u64(fee_in);
    event_u64(fee_out);
    event_u8(base_input);
    event_key(mint_in->key);
    event_key(mint_out->key);
    event_u64(t.trade_fee);
    event_u64(t.creator_fee);
    event_u8(t.creator_on_input);
    event_emit();

    transfer_checked(ACCOUNT(S_USER_IN), mint_in, vault_in, ACCOUNT(S_PAYER), ACCOUNT(S_PROGRAM_IN), sent, 0);
    transfer_checked(vault_out, mint_out, ACCOUNT(S_USER_OUT), ACCOUNT(S_AUTHORITY), ACCOUNT(S_PROGRAM_OUT), leaving,
                     sign_as_authority(pool));
    CHECK(observe(ACCOUNT(S_OBSERVATION), &price_0, &price_1));
    U64(pool, P_EPOCH) = F->clock.epoch;
    return 0;
}
