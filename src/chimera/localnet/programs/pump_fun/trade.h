/* Buying from and selling to a curve that is quoted in native SOL, in both families of instructions. */
#pragma once
#include "state.h"

/* Where each family has its accounts. */
typedef struct {
    u8 count, global, fee_recipient, mint, curve, vault, user_base, user, base_program, creator_vault;
    u8 volume;  /* 0: none */
    u8 fee_config, fee_program;
    u8 buyback; /* 0: the last, behind the curve's second address, beyond the listed ones */
} Places;

static const Places OLDER_BUY = {16, 0, 1, 2, 3, 4, 5, 6, 8, 9, 13, 14, 15, 0};
static const Places OLDER_SELL = {14, 0, 1, 2, 3, 4, 5, 6, 9, 8, 0, 12, 13, 0};
static const Places UNIFIED_BUY = {27, 0, 6, 1, 10, 11, 14, 13, 3, 16, 20, 22, 23, 8};
static const Places UNIFIED_SELL = {26, 0, 6, 1, 10, 11, 14, 13, 3, 16, 0, 21, 22, 8};

typedef struct {
    Account *global, *fee_recipient, *mint, *curve, *vault, *user_base, *user, *base_program, *creator_vault, *buyback;
    Fees fees;
    u64 tokens, quote; /* what changes hands with the curve */
    u64 fee, buyback_fee, creator_fee;
    u64 seeds;
    bool is_buy;
    const char *name;
    u64 name_len;
} Trade;

NOINLINE u64 open_trade(const Places *at, Trade *t) {
    REQUIRE(F->accounts_len >= at->count, NOT_ENOUGH_KEYS);
    if (at->buyback == 0 && F->accounts_len < at->count + 2ULL)
        FAIL(6062, "BuybackFeeRecipientMissing", "Buyback fee recipient missing");
    t->global = ACCOUNT(at->global), t->fee_recipient = ACCOUNT(at->fee_recipient), t->mint = ACCOUNT(at->mint);
    t->curve = ACCOUNT(at->curve), t->vault = ACCOUNT(at->vault), t->user_base = ACCOUNT(at->user_base);
    t->user = ACCOUNT(at->user), t->base_program = ACCOUNT(at->base_program);
    t->creator_vault = ACCOUNT(at->creator_vault);
    t->buyback = ACCOUNT(at->buyback ? at->buyback : F->accounts_len - 1);

    REQUIRE(t->user->is_signer, NOT_SIGNER);
    REQUIRE(t->user->is_writable, CONSTRAINT_MUT);
    CHECK(check_global(t->global));
    CHECK(check_mint(t->mint));
    REQUIRE(same_key(t->mint->owner, t->base_program->key), CONSTRAINT_MINT_TOKEN_PROGRAM);
    CHECK(check_token_account(t->vault));
    CHECK(check_token_account(t->user_base));
    REQUIRE(same_key(ACCOUNT(at->fee_config)->key, CURVE_FEES), CONSTRAINT_SEEDS);
    REQUIRE(same_key(ACCOUNT(at->fee_program)->key, FEE_PROGRAM), CONSTRAINT_ADDRESS);
    CHECK(check_curve(t->curve, t->mint));
    u8 *curve = t->curve->data, *global = t->global->data;
    REQUIRE(same_key(t->vault->data + TOKEN_OWNER, t->curve->key), CONSTRAINT_TOKEN_OWNER);
    REQUIRE(same_key(t->vault->data + TOKEN_MINT, t->mint->key), CONSTRAINT_TOKEN_MINT);
    REQUIRE(same_key(t->user_base->data + TOKEN_MINT, t->mint->key), CONSTRAINT_TOKEN_MINT);
    if (!same_key(curve + C_QUOTE_MINT, SYSTEM)) FAIL(6063, "UnsupportedQuoteMint", "Unsupported quote mint");

    bool mayhem = U8(curve, C_MAYHEM);
    u64 first = mayhem ? G_MAYHEM_RECIPIENT : G_FEE_RECIPIENT, rest = mayhem ? G_MAYHEM_RECIPIENTS : G_FEE_RECIPIENTS;
    if (!is_listed(t->fee_recipient->key, global + first, 1) && !is_listed(t->fee_recipient->key, global + rest, 7))
        FAIL(6000, "NotAuthorized", "The given account is not authorized to execute this instruction");
    if (!is_listed(t->buyback->key, global + G_BUYBACK_RECIPIENTS, 8))
        FAIL(6057, "BuybackFeeRecipientNotAuthorized", "Buyback fee recipient not authorized");
    if (at->buyback == 0) {
        FIND("bonding-curve-v2", t->mint->key);
        if (!same_key(F->address, ACCOUNT(F->accounts_len - 2)->key))
            FAIL(6074, "InvalidBondingCurveV2", "bonding_curve_v2 remaining account is missing or invalid");
    }
    FIND("creator-vault", curve + C_CREATOR);
    REQUIRE(same_key(F->address, t->creator_vault->key), CONSTRAINT_SEEDS);
    if (U8(curve, C_COMPLETE)) CURVE_COMPLETE();

    /* Only a mayhem coin's supply counts; all others are a billion, whatever was burnt. */
    u64 supply = mayhem ? U64(t->mint->data, 36) : WHOLE_SUPPLY;
    Wide product = wide_mul(U64(curve, C_VIRTUAL_QUOTE), supply);
    Quotient market_cap;
    wide_div(&product, U64(curve, C_VIRTUAL_TOKENS), &market_cap);
    CHECK(schedule(ACCOUNT(at->fee_config), (const u8 *)SYSTEM, &market_cap.value, true, &t->fees));
    t->fees.lp = 0; /* a curve has no other providers */
    if (U8(global, G_CREATOR_FEE_CONFIGURABLE) && U64(curve, C_CREATOR_FEE)) t->fees.creator = U64(curve, C_CREATOR_FEE);
    if (same_key(curve + C_CREATOR, SYSTEM)) t->fees.creator = 0;
    return 0;
}

INLINE void charge(Trade *t) {
    t->fee = fee_of(t->quote, t->fees.protocol);
    t->creator_fee = fee_of(t->quote, t->fees.creator);
    t->buyback_fee = mul_div_floor(t->fee, U64(t->global->data, G_BUYBACK_BPS), ONE_IN_BPS);
}

NOINLINE void tell_trade(Trade *t) {
    u8 *curve = t->curve->data;
    F->event_len = 0;
    event_u64(TRADE_EVENT);
    event_key(t->mint->key);
    event_u64(t->quote);
    event_u64(t->tokens);
    event_u8(t->is_buy);
    event_key(t->user->key);
    event_u64(F->clock.unix_timestamp);
    event_u64(U64(curve, C_VIRTUAL_QUOTE));
    event_u64(U64(curve, C_VIRTUAL_TOKENS));
    event_u64(U64(curve, C_REAL_QUOTE));
    event_u64(U64(curve, C_REAL_TOKENS));
    event_key(t->fee_recipient->key);
    event_u64(t->fees.protocol);
    event_u64(t->fee);
    event_key(curve + C_CREATOR);
    event_u64(t->fees.creator);
    event_u64(t->creator_fee);
    event_u8(0); /* volumes are not tracked */
    for (u64 i = 0; i < 4; i++) event_u64(0);
    event_text(t->name, t->name_len);
    event_u8(U8(curve, C_MAYHEM));
    event_u64(0); /* no cashback */
    event_u64(0);
    event_u64(U64(t->global->data, G_BUYBACK_BPS));
    event_u64(t->buyback_fee);
    U32(F->event, F->event_len) = 0; /* no shareholders */
    F->event_len += 4;
    event_key(SYSTEM);
    event_u64(t->quote);
    event_u64(U64(curve, C_VIRTUAL_QUOTE));
    event_u64(U64(curve, C_REAL_QUOTE));
    event_u64(0); /* no holder rewards */
    event_u64(0);
    event_emit();
}

NOINLINE void tell_complete(const Trade *t) {
    F->event_len = 0;
    event_u64(COMPLETE_EVENT);
    event_key(t->user->key);
    event_key(t->mint->key);
    event_key(t->curve->key);
    event_u64(F->clock.unix_timestamp);
    event_key(SYSTEM);
    event_emit();
}

/* The creator's vault is a bare account: whoever first pays into it also pays for its standing. */
INLINE u64 vault_rent(const Trade *t) {
    u64 least = rent_minimum(0), held = *t->creator_vault->lamports;
    return t->creator_fee && held < least ? least - held : 0;
}

/* `exact_tokens`: the first number is tokens and the second the most to be paid; else a sum and the fewest tokens. */
NOINLINE u64 buy(const Places *at, bool exact_tokens, Trade *t) {
    REQUIRE(F->data_len >= 24, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(open_trade(at, t));
    u64 first = U64(F->data, 8), second = U64(F->data, 16);
    u8 *curve = t->curve->data;
    u64 virtual_tokens = U64(curve, C_VIRTUAL_TOKENS), virtual_quote = U64(curve, C_VIRTUAL_QUOTE);
    t->is_buy = true;
    if (first == 0) BUY_ZERO();
    if (exact_tokens) {
        t->tokens = first;
        if (t->tokens > U64(curve, C_REAL_TOKENS)) NOT_ENOUGH_TOKENS();
        t->quote = checked_add(mul_div_floor(t->tokens, virtual_quote, checked_sub(virtual_tokens, t->tokens)), 1);
    } else {
        t->quote = net_of(first, &t->fees);
        if (t->quote == 0) FAIL(6041, "BuyNotEnoughSolToCoverFees", "Buy: Not enough SOL to cover for fees");
        t->tokens = mul_div_floor(t->quote - 1, virtual_tokens, checked_add(virtual_quote, t->quote - 1));
        if (t->tokens == 0) BUY_ZERO();
        if (t->tokens > U64(curve, C_REAL_TOKENS)) NOT_ENOUGH_TOKENS();
        if (t->tokens < second)
            FAIL(6042, "BuySlippageBelowMinTokensOut", "Slippage: Would buy less tokens than expected min_tokens_out");
    }
    charge(t);
    if (exact_tokens && checked_add(t->quote, t->fee + t->creator_fee) > second) TOO_MUCH_SOL();

    U64(curve, C_VIRTUAL_TOKENS) = virtual_tokens - t->tokens;
    U64(curve, C_VIRTUAL_QUOTE) = checked_add(virtual_quote, t->quote);
    U64(curve, C_REAL_TOKENS) -= t->tokens;
    U64(curve, C_REAL_QUOTE) = checked_add(U64(curve, C_REAL_QUOTE), t->quote);
    bool complete = U64(curve, C_REAL_TOKENS) == 0;
    U8(curve, C_COMPLETE) = complete;

    if (at->volume) CHECK(ensure_volume(t->user, ACCOUNT(at->volume)));
    FIND("bonding-curve", t->mint->key);
    transfer_checked(t->vault, t->mint, t->user_base, t->curve, t->base_program, t->tokens, CURVE_SEEDS);
    pay(t->user, t->curve, t->quote, 0);
    pay(t->user, t->fee_recipient, t->fee - t->buyback_fee, 0);
    pay(t->user, t->buyback, t->buyback_fee, 0);
    pay(t->user, t->creator_vault, t->creator_fee + vault_rent(t), 0);
    tell_trade(t);
    if (complete) tell_complete(t);
    return 0;
}

NOINLINE u64 sell(const Places *at, Trade *t) {
    REQUIRE(F->data_len >= 24, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(open_trade(at, t));
    u8 *curve = t->curve->data;
    u64 virtual_tokens = U64(curve, C_VIRTUAL_TOKENS), virtual_quote = U64(curve, C_VIRTUAL_QUOTE);
    t->is_buy = false;
    t->tokens = U64(F->data, 8);
    if (t->tokens == 0) SELL_ZERO();
    if (t->tokens > amount_of(t->user_base)) FAIL(6023, "NotEnoughTokensToSell", "Not enough tokens to sell");
    t->quote = mul_div_floor(t->tokens, virtual_quote, checked_add(virtual_tokens, t->tokens));
    charge(t);
    u64 received = checked_sub(t->quote, t->fee + t->creator_fee);
    if (received < U64(F->data, 16)) TOO_LITTLE_SOL();

    U64(curve, C_VIRTUAL_TOKENS) = virtual_tokens + t->tokens;
    U64(curve, C_VIRTUAL_QUOTE) = virtual_quote - t->quote;
    U64(curve, C_REAL_TOKENS) = checked_add(U64(curve, C_REAL_TOKENS), t->tokens);
    U64(curve, C_REAL_QUOTE) = checked_sub(U64(curve, C_REAL_QUOTE), t->quote);

    transfer_checked(t->user_base, t->mint, t->vault, t->user, t->base_program, t->tokens, 0);
    pay(t->user, t->creator_vault, vault_rent(t), 0);
    /* The curve is ours: its lamports move without a call, and no call may follow. */
    *t->curve->lamports = checked_sub(*t->curve->lamports, t->quote);
    *t->user->lamports += received;
    *t->fee_recipient->lamports += t->fee - t->buyback_fee;
    *t->buyback->lamports += t->buyback_fee;
    *t->creator_vault->lamports += t->creator_fee;
    tell_trade(t);
    return 0;
}
