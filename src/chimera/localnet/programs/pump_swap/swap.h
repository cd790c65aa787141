/* buy, buy_exact_quote_in and sell: checks, the curve with its fees, the transfers, the event. */
#pragma once
#include "state.h"

enum {
    S_POOL, S_USER, S_CONFIG, S_BASE_MINT, S_QUOTE_MINT, S_USER_BASE, S_USER_QUOTE, S_BASE_VAULT, S_QUOTE_VAULT,
    S_RECIPIENT, S_RECIPIENT_ACCOUNT, S_BASE_PROGRAM, S_QUOTE_PROGRAM, S_SYSTEM, S_ASSOCIATED, S_EVENT_AUTHORITY,
    S_PROGRAM, S_CREATOR_ACCOUNT, S_CREATOR_VAULT, S_COMMON,
    /* a buy goes on with the two volume accounts, then both with these */
    B_VOLUME = 20, B_FEE_CONFIG = 21, BUY_ACCOUNTS = 23, L_FEE_CONFIG = 19, SELL_ACCOUNTS = 21,
};

typedef struct {
    u8 *pool;
    const Account *creator_account; /* where the creator's fee goes: his vault's, or the user's own cashback */
    const Account *creator_owner;
    const Account *buyback, *buyback_account;
    Fees fees;
    u64 base_reserve, quote_reserve, priced;
    u64 base, quote;
    u64 lp_fee, protocol_fee, creator_fee, buyback_fee;
    u64 user_quote;
} Trade;

/* Behind the listed accounts: cashback's, the pool's second address, the buyback recipient and his account. */
NOINLINE u64 read_tail(Trade *t, u64 listed, bool is_buy) {
    u64 at = listed, n = F->accounts_len;
    t->creator_account = ACCOUNT(S_CREATOR_ACCOUNT);
    t->creator_owner = ACCOUNT(S_CREATOR_VAULT);
    if (U8(t->pool, P_CASHBACK)) {
        if (n < at + (is_buy ? 1 : 2))
            FAIL(6059, "MissingCashbackAccounts", "Cashback trade is missing the required remaining accounts");
        t->creator_account = ACCOUNT(at);
        t->creator_owner = ACCOUNT(is_buy ? (u64)B_VOLUME : at + 1);
        at += is_buy ? 1 : 2;
        FIND("user_volume_accumulator", ACCOUNT(S_USER)->key);
        if (!same_key(F->address, t->creator_owner->key))
            FAIL(6060, "InvalidCashbackAccumulator", "Cashback user_volume_accumulator account is invalid");
    }
    if (!same_key(t->pool + P_COIN_CREATOR, SYSTEM)) {
        FIND("pool-v2", t->pool + P_BASE_MINT);
        if (n <= at || !same_key(ACCOUNT(at)->key, F->address))
            FAIL(6062, "InvalidPoolV2", "pool_v2 remaining account is missing or invalid");
        at += 1;
    }
    if (n < at + 2) FAIL(6058, "BuybackFeeRecipientMissing", "");
    t->buyback = ACCOUNT(at), t->buyback_account = ACCOUNT(at + 1);
    if (!is_listed(t->buyback->key, ACCOUNT(S_CONFIG)->data + G_BUYBACK_RECIPIENTS, 8))
        FAIL(6053, "BuybackFeeRecipientNotAuthorized", "Buyback fee recipient not authorized");
    return 0;
}

/* Vault and virtual part; aborts where their sum leaves u64, as checked arithmetic does. */
INLINE u64 priced_quote(const Trade *t) {
    u64 low = U64(t->pool, P_VIRTUAL_QUOTE), high = U64(t->pool, P_VIRTUAL_QUOTE + 8);
    if (high == 0) return checked_add(t->quote_reserve, low);
    if (high != ~0ULL || low == 0) abort();
    return checked_sub(t->quote_reserve, -low);
}

NOINLINE u64 open_swap(Trade *t, u64 listed, bool is_buy) {
    REQUIRE(F->accounts_len >= listed, NOT_ENOUGH_KEYS);
    REQUIRE(F->data_len >= 24, INSTRUCTION_DID_NOT_DESERIALIZE);
    const Account *pool = ACCOUNT(S_POOL), *user = ACCOUNT(S_USER), *config = ACCOUNT(S_CONFIG);
    REQUIRE(same_key(pool->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(pool->data_len >= POOL_LEN_READ && U64(pool->data, 0) == POOL_STATE, DISCRIMINATOR_MISMATCH);
    REQUIRE(pool->data_len >= P_CREATOR_FEE + 8, DID_NOT_DESERIALIZE); /* the real one extends shorter ones first */
    t->pool = pool->data;
    REQUIRE(user->is_signer, NOT_SIGNER);
    REQUIRE(user->is_writable && pool->is_writable, CONSTRAINT_MUT);
    CHECK(check_config(config));
    CHECK(check_mint(ACCOUNT(S_BASE_MINT)));
    CHECK(check_mint(ACCOUNT(S_QUOTE_MINT)));
    for (u64 i = S_USER_BASE; i <= S_QUOTE_VAULT; i++) CHECK(check_token_account(ACCOUNT(i)));
    REQUIRE(same_key(ACCOUNT(S_BASE_MINT)->key, t->pool + P_BASE_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(S_QUOTE_MINT)->key, t->pool + P_QUOTE_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(S_BASE_VAULT)->key, t->pool + P_BASE_VAULT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(S_QUOTE_VAULT)->key, t->pool + P_QUOTE_VAULT), CONSTRAINT_ADDRESS);
    for (u64 i = 0; i < 2; i++) {
        REQUIRE(same_key(ACCOUNT(S_BASE_MINT + i)->owner, ACCOUNT(S_BASE_PROGRAM + i)->key), CONSTRAINT_MINT_TOKEN_PROGRAM);
        REQUIRE(same_key(ACCOUNT(S_USER_BASE + i)->data + TOKEN_MINT, ACCOUNT(S_BASE_MINT + i)->key), CONSTRAINT_TOKEN_MINT);
    }
    bool mayhem = U8(t->pool, P_MAYHEM);
    const u8 *recipient = ACCOUNT(S_RECIPIENT)->key;
    if (mayhem ? !is_listed(recipient, config->data + G_MAYHEM_RECIPIENT, 1) &&
                     !is_listed(recipient, config->data + G_MAYHEM_RECIPIENTS, 7)
               : !is_listed(recipient, config->data + G_FEE_RECIPIENTS, 8))
        FAIL(6013, "InvalidProtocolFeeRecipient", "");
    FIND("creator_vault", t->pool + P_COIN_CREATOR);
    REQUIRE(same_key(F->address, ACCOUNT(S_CREATOR_VAULT)->key), CONSTRAINT_SEEDS);
    CHECK(read_tail(t, listed, is_buy));
    u8 flags = U8(config->data, G_DISABLE_FLAGS);
    if (is_buy && flags & NO_BUY) FAIL(6020, "DisabledBuy", "");
    if (!is_buy && flags & NO_SELL) FAIL(6021, "DisabledSell", "");

    const Account *schedule_account = ACCOUNT(is_buy ? B_FEE_CONFIG : L_FEE_CONFIG);
    REQUIRE(same_key(schedule_account->key, SWAP_FEES), CONSTRAINT_SEEDS);
    REQUIRE(same_key(schedule_account[1].key, FEE_PROGRAM), CONSTRAINT_ADDRESS);
    t->base_reserve = amount_of(ACCOUNT(S_BASE_VAULT)), t->quote_reserve = amount_of(ACCOUNT(S_QUOTE_VAULT));
    t->priced = priced_quote(t);
    Wide product = wide_mul(t->priced, mayhem ? WHOLE_SUPPLY : U64(ACCOUNT(S_BASE_MINT)->data, 36));
    Quotient market_cap;
    wide_div(&product, t->base_reserve, &market_cap);
    bool canonical = is_pool_authority(t->pool + P_CREATOR, t->pool + P_BASE_MINT);
    CHECK(schedule(schedule_account, t->pool + P_QUOTE_MINT, &market_cap.value, canonical, &t->fees));
    if (U8(config->data, G_CREATOR_FEE_CONFIGURABLE) && U64(t->pool, P_CREATOR_FEE))
        t->fees.creator = U64(t->pool, P_CREATOR_FEE);
    if (same_key(t->pool + P_COIN_CREATOR, SYSTEM)) t->fees.creator = 0;
    return 0;
}

INLINE void charge(Trade *t) {
    t->lp_fee = fee_of(t->quote, t->fees.lp);
    t->protocol_fee = fee_of(t->quote, t->fees.protocol);
    t->creator_fee = fee_of(t->quote, t->fees.creator);
    t->buyback_fee = mul_div_floor(t->protocol_fee, U64(ACCOUNT(S_CONFIG)->data, G_BUYBACK_BPS), ONE_IN_BPS);
}

/* The owner's quote account, made at the user's cost where it is missing. */
NOINLINE void ensure_quote_account(const Account *account, const Account *owner) {
    const Account *six[6] = {
        ACCOUNT(S_USER), account, owner, ACCOUNT(S_QUOTE_MINT), ACCOUNT(S_SYSTEM), ACCOUNT(S_QUOTE_PROGRAM)};
    if (same_key(account->owner, SYSTEM)) create_associated(six, 0);
}

/* The three fees that leave the pool's reach, out of `from`. */
NOINLINE void pay_fees(const Trade *t, const Account *from, const Account *authority, bool by_pool) {
    const Account *to[3] = {ACCOUNT(S_RECIPIENT_ACCOUNT), t->buyback_account, t->creator_account};
    const Account *owners[3] = {ACCOUNT(S_RECIPIENT), t->buyback, t->creator_owner};
    u64 amounts[3] = {t->protocol_fee - t->buyback_fee, t->buyback_fee, t->creator_fee};
    for (u64 i = 0; i < 3; i++) {
        if (amounts[i] == 0) continue;
        ensure_quote_account(to[i], owners[i]);
        transfer_checked(from, ACCOUNT(S_QUOTE_MINT), to[i], authority, ACCOUNT(S_QUOTE_PROGRAM), amounts[i],
                         by_pool ? pool_seeds(t->pool) : 0);
    }
}

/* What both events have in common, which is nearly all. */
NOINLINE void tell_amounts(const Trade *t, u64 kind, u64 limit) {
    F->event_len = 0;
    event_u64(kind);
    event_u64(F->clock.unix_timestamp);
    event_u64(t->base);
    event_u64(limit);
    event_u64(amount_of(ACCOUNT(S_USER_BASE)));
    event_u64(amount_of(ACCOUNT(S_USER_QUOTE)));
    event_u64(t->base_reserve);
    event_u64(t->quote_reserve);
    event_u64(t->quote);
    event_u64(t->fees.lp);
    event_u64(t->lp_fee);
    event_u64(t->fees.protocol);
    event_u64(t->protocol_fee);
    event_u64(kind == BUY_EVENT ? t->quote + t->lp_fee : t->quote - t->lp_fee);
    event_u64(t->user_quote);
    event_key(ACCOUNT(S_POOL)->key);
    event_key(ACCOUNT(S_USER)->key);
    event_key(ACCOUNT(S_USER_BASE)->key);
    event_key(ACCOUNT(S_USER_QUOTE)->key);
    event_key(ACCOUNT(S_RECIPIENT)->key);
    event_key(ACCOUNT(S_RECIPIENT_ACCOUNT)->key);
    event_key(t->pool + P_COIN_CREATOR);
    event_u64(t->fees.creator);
    event_u64(t->creator_fee);
}

INLINE void tell_rest(const Trade *t) {
    bool cashback = U8(t->pool, P_CASHBACK);
    event_u64(cashback ? t->fees.creator : 0);
    event_u64(cashback ? t->creator_fee : 0);
    event_u64(U64(ACCOUNT(S_CONFIG)->data, G_BUYBACK_BPS));
    event_u64(t->buyback_fee);
    event_u64(U64(t->pool, P_VIRTUAL_QUOTE));
    event_u64(U64(t->pool, P_VIRTUAL_QUOTE + 8));
    event_u8(0);
    event_u64(U64(ACCOUNT(S_BASE_MINT)->data, 36));
    event_emit();
}

/* `exact_base`: the first number is base and the second the most to be paid; else a sum and the least base. */
NOINLINE u64 buy(bool exact_base, Trade *t) {
    CHECK(open_swap(t, BUY_ACCOUNTS, true));
    u64 first = U64(F->data, 8), second = U64(F->data, 16);
    if (exact_base) {
        if (first == 0) ZERO_BASE();
        t->base = first;
        if (t->base >= t->base_reserve) FAIL(6016, "BuyMoreBaseAmountThanPoolReserves", "");
        t->quote = mul_div_ceil(t->priced, t->base, t->base_reserve - t->base);
    } else {
        if (first == 0) ZERO_QUOTE();
        t->quote = net_of(first, &t->fees);
        if (t->quote == 0)
            FAIL(6039, "BuyNotEnoughQuoteTokensToCoverFees", "buy: Not enough quote tokens to cover for fees.");
        t->base = mul_div_floor(t->base_reserve, t->quote - 1, checked_add(t->priced, t->quote - 1));
        if (t->base == 0) ZERO_BASE();
        if (t->base < second)
            FAIL(6040, "BuySlippageBelowMinBaseAmountOut",
                 "buy: slippage - would buy less tokens than expected min_base_amount_out");
    }
    charge(t);
    u64 with_lp = checked_add(t->quote, t->lp_fee);
    t->user_quote = checked_add(with_lp, t->protocol_fee + t->creator_fee);
    if (exact_base && t->user_quote > second) EXCEEDED_SLIPPAGE();

    tell_amounts(t, BUY_EVENT, exact_base ? second : first);
    event_u8(0); /* volumes are not tracked */
    for (u64 i = 0; i < 4; i++) event_u64(0);
    event_u64(exact_base ? 0 : second);
    if (exact_base) EVENT_TEXT("buy");
    else EVENT_TEXT("buy_exact_quote_in");
    tell_rest(t);

    const Account *user = ACCOUNT(S_USER), *from = ACCOUNT(S_USER_QUOTE);
    CHECK(ensure_volume(user, ACCOUNT(B_VOLUME)));
    transfer_checked(from, ACCOUNT(S_QUOTE_MINT), ACCOUNT(S_QUOTE_VAULT), user, ACCOUNT(S_QUOTE_PROGRAM), with_lp, 0);
    pay_fees(t, from, user, false);
    transfer_checked(ACCOUNT(S_BASE_VAULT), ACCOUNT(S_BASE_MINT), ACCOUNT(S_USER_BASE), ACCOUNT(S_POOL),
                     ACCOUNT(S_BASE_PROGRAM), t->base, pool_seeds(t->pool));
    return 0;
}

NOINLINE u64 sell(Trade *t) {
    CHECK(open_swap(t, SELL_ACCOUNTS, false));
    t->base = U64(F->data, 8);
    u64 least = U64(F->data, 16);
    if (t->base == 0) ZERO_BASE();
    t->quote = mul_div_floor(t->priced, t->base, checked_add(t->base_reserve, t->base));
    charge(t);
    u64 leaving = checked_sub(t->quote, t->lp_fee);
    if (leaving > t->quote_reserve)
        FAIL(6063, "InsufficientRealQuoteReserves", "BOOST: sell output exceeds the real quote vault");
    t->user_quote = checked_sub(leaving, checked_add(t->protocol_fee, t->creator_fee));
    if (t->user_quote < least) EXCEEDED_SLIPPAGE();

    tell_amounts(t, SELL_EVENT, least);
    tell_rest(t);

    const Account *pool = ACCOUNT(S_POOL), *vault = ACCOUNT(S_QUOTE_VAULT);
    transfer_checked(ACCOUNT(S_USER_BASE), ACCOUNT(S_BASE_MINT), ACCOUNT(S_BASE_VAULT), ACCOUNT(S_USER),
                     ACCOUNT(S_BASE_PROGRAM), t->base, 0);
    transfer_checked(vault, ACCOUNT(S_QUOTE_MINT), ACCOUNT(S_USER_QUOTE), pool, ACCOUNT(S_QUOTE_PROGRAM), t->user_quote,
                     pool_seeds(t->pool));
    pay_fees(t, vault, pool, true);
    return 0;
}
