/* migrate_v2: a complete curve's tokens and SOL become the coin's canonical PumpSwap pool, whose LP units are burnt. */
#pragma once
#include "state.h"

enum {
    M_GLOBAL, M_WITHDRAW_AUTHORITY, M_MINT, M_QUOTE_MINT, M_CURVE, M_VAULT, M_QUOTE_VAULT, M_USER, M_SYSTEM, M_PUMP_AMM,
    M_POOL, M_AUTHORITY, M_AUTHORITY_BASE, M_AUTHORITY_QUOTE, M_AMM_CONFIG, M_LP_MINT, M_AUTHORITY_LP, M_POOL_BASE,
    M_POOL_QUOTE, M_BASE_PROGRAM, M_QUOTE_PROGRAM, M_TOKEN_2022, M_ASSOCIATED, M_AMM_EVENT_AUTHORITY, M_RENT,
    M_EVENT_AUTHORITY, M_PROGRAM, MIGRATE_ACCOUNTS,
};

/* Lets the runtime see lamports that we moved ourselves: a call must name every account that they moved between. */
NOINLINE void settle(const Account *payer, const Account *one, const Account *other) {
    U32(F->cpi_data, 0) = 2;
    U64(F->cpi_data, 4) = 0;
    meta(0, payer, true, true);
    meta(1, payer, true, false);
    meta(2, one, true, false);
    meta(3, other, true, false);
    invoke((u8 *)SYSTEM, 4, 12, 0);
}

INLINE void move_lamports(const Account *from, const Account *to, u64 lamports) {
    *from->lamports = checked_sub(*from->lamports, lamports);
    *to->lamports += lamports;
}

NOINLINE u64 check_migration(void) {
    REQUIRE(F->accounts_len >= MIGRATE_ACCOUNTS, NOT_ENOUGH_KEYS);
    CHECK(check_global(ACCOUNT(M_GLOBAL)));
    REQUIRE(ACCOUNT(M_USER)->is_signer, NOT_SIGNER);
    CHECK(check_mint(ACCOUNT(M_MINT)));
    CHECK(check_curve(ACCOUNT(M_CURVE), ACCOUNT(M_MINT)));
    REQUIRE(same_key(ACCOUNT(M_QUOTE_MINT)->key, WSOL), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(M_PUMP_AMM)->key, SWAP_PROGRAM), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(M_MINT)->owner, ACCOUNT(M_BASE_PROGRAM)->key), CONSTRAINT_MINT_TOKEN_PROGRAM);
    REQUIRE(same_key(ACCOUNT(M_QUOTE_PROGRAM)->key, TOKEN), INVALID_PROGRAM_ID);
    CHECK(check_token_account(ACCOUNT(M_VAULT)));
    REQUIRE(same_key(ACCOUNT(M_VAULT)->data + TOKEN_OWNER, ACCOUNT(M_CURVE)->key), CONSTRAINT_TOKEN_OWNER);
    REQUIRE(same_key(ACCOUNT(M_VAULT)->data + TOKEN_MINT, ACCOUNT(M_MINT)->key), CONSTRAINT_TOKEN_MINT);
    u8 *global = ACCOUNT(M_GLOBAL)->data, *curve = ACCOUNT(M_CURVE)->data;
    REQUIRE(same_key(ACCOUNT(M_WITHDRAW_AUTHORITY)->key, global + G_WITHDRAW_AUTHORITY), CONSTRAINT_ADDRESS);
    FIND("pool-authority", ACCOUNT(M_MINT)->key);
    REQUIRE(same_key(F->address, ACCOUNT(M_AUTHORITY)->key), CONSTRAINT_SEEDS);
    if (!U8(global, G_ENABLE_MIGRATE)) FAIL(6018, "DisabledMigrate", "Migrate instruction is disabled");
    if (!U8(curve, C_COMPLETE)) FAIL(6006, "BondingCurveNotComplete", "The bonding curve has not completed");
    if (!same_key(curve + C_QUOTE_MINT, SYSTEM)) FAIL(6063, "UnsupportedQuoteMint", "Unsupported quote mint");
    return 0;
}

/* create_pool, as the authority. */
NOINLINE void create_pool(u64 base, u64 quote, u64 seeds) {
    static const u8 order[18] = {
        M_POOL, M_AMM_CONFIG, M_AUTHORITY, M_MINT, M_QUOTE_MINT, M_LP_MINT, M_AUTHORITY_BASE, M_AUTHORITY_QUOTE,
        M_AUTHORITY_LP, M_POOL_BASE, M_POOL_QUOTE, M_SYSTEM, M_TOKEN_2022, M_BASE_PROGRAM, M_QUOTE_PROGRAM,
        M_ASSOCIATED, M_AMM_EVENT_AUTHORITY, M_PUMP_AMM};
    u8 *curve = ACCOUNT(M_CURVE)->data;
    for (u64 i = 0; i < 18; i++) {
        bool written = i == 0 || i == 2 || (i >= 5 && i <= 10);
        meta(i, ACCOUNT(order[i]), written, i == 2);
    }
    U64(F->cpi_data, 0) = IX_CREATE_POOL;
    U16(F->cpi_data, 8) = 0;
    U64(F->cpi_data, 10) = base;
    U64(F->cpi_data, 18) = quote;
    copy_key((u8 *)F->cpi_data + 26, curve + C_CREATOR);
    U8(F->cpi_data, 58) = U8(curve, C_MAYHEM);
    U8(F->cpi_data, 59) = U8(curve, C_CASHBACK);
    U64(F->cpi_data, 60) = U64(curve, C_CREATOR_FEE);
    U8(F->cpi_data, 68) = 0;
    invoke(ACCOUNT(M_PUMP_AMM)->key, 18, 69, seeds);
}

NOINLINE u64 migrate(void) {
    CHECK(check_migration());
    const Account *authority = ACCOUNT(M_AUTHORITY), *curve = ACCOUNT(M_CURVE), *mint = ACCOUNT(M_MINT);
    const Account *user = ACCOUNT(M_USER), *quote_account = ACCOUNT(M_AUTHORITY_QUOTE);
    u64 fee = U64(ACCOUNT(M_GLOBAL)->data, G_MIGRATION_FEE), raised = U64(curve->data, C_REAL_QUOTE);
    if (U64(curve->data, C_VIRTUAL_TOKENS) == 0) {
        LOG("Bonding curve already migrated");
        return 0;
    }
    u64 base = amount_of(ACCOUNT(M_VAULT)), quote = checked_sub(raised, fee);

    /* The fee pays for the new accounts; what is left of it goes to the withdraw authority. */
    move_lamports(curve, authority, fee);
    settle(user, curve, authority);
    u64 seeds = FIND("pool-authority", mint->key);
    const Account *base_six[6] = {
        authority, ACCOUNT(M_AUTHORITY_BASE), authority, mint, ACCOUNT(M_SYSTEM), ACCOUNT(M_BASE_PROGRAM)};
    if (same_key(base_six[1]->owner, SYSTEM)) create_associated(base_six, seeds);
    const Account *quote_six[6] = {
        authority, quote_account, authority, ACCOUNT(M_QUOTE_MINT), ACCOUNT(M_SYSTEM), ACCOUNT(M_QUOTE_PROGRAM)};
    if (same_key(quote_account->owner, SYSTEM)) create_associated(quote_six, seeds);

    FIND("bonding-curve", mint->key);
    transfer_checked(ACCOUNT(M_VAULT), mint, base_six[1], curve, ACCOUNT(M_BASE_PROGRAM), base, CURVE_SEEDS);
    move_lamports(curve, quote_account, quote);
    settle(user, curve, quote_account);
    U8(F->cpi_data, 0) = 17; /* SyncNative */
    meta(0, quote_account, true, false);
    invoke((u8 *)TOKEN, 1, 1, 0);

    seeds = FIND("pool-authority", mint->key);
    create_pool(base, quote, seeds);
    change_supply(BURN, ACCOUNT(M_AUTHORITY_LP), ACCOUNT(M_LP_MINT), authority, ACCOUNT(M_TOKEN_2022),
                  amount_of(ACCOUNT(M_AUTHORITY_LP)), seeds);
    pay(authority, ACCOUNT(M_WITHDRAW_AUTHORITY), *authority->lamports, seeds);
    for (u64 at = C_VIRTUAL_TOKENS; at <= C_REAL_QUOTE; at += 8) U64(curve->data, at) = 0;

    F->event_len = 0;
    event_u64(MIGRATION_EVENT);
    event_key(user->key);
    event_key(mint->key);
    event_u64(base);
    event_u64(quote);
    event_u64(fee);
    event_key(curve->key);
    event_u64(F->clock.unix_timestamp);
    event_key(ACCOUNT(M_POOL)->key);
    event_key(SYSTEM);
    event_emit();
    return 0;
}
