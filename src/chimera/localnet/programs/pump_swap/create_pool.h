/* create_pool: a pool with its vaults, its LP mint and its first liquidity, in one instruction. */
#pragma once
#include "state.h"

enum {
    N_POOL, N_CONFIG, N_CREATOR, N_BASE_MINT, N_QUOTE_MINT, N_LP_MINT, N_USER_BASE, N_USER_QUOTE, N_USER_LP, N_BASE_VAULT,
    N_QUOTE_VAULT, N_SYSTEM, N_TOKEN_2022, N_BASE_PROGRAM, N_QUOTE_PROGRAM, N_ASSOCIATED, N_EVENT_AUTHORITY, N_PROGRAM,
    CREATE_POOL_ACCOUNTS,
};
#define CREATE_POOL_DATA 59 /* discriminator, index, two amounts, coin creator, mayhem; the rest may be missing */

NOINLINE u64 check_create_pool(void) {
    REQUIRE(F->accounts_len >= CREATE_POOL_ACCOUNTS, NOT_ENOUGH_KEYS);
    REQUIRE(F->data_len >= CREATE_POOL_DATA, INSTRUCTION_DID_NOT_DESERIALIZE);
    const Account *creator = ACCOUNT(N_CREATOR);
    REQUIRE(creator->is_signer, NOT_SIGNER);
    REQUIRE(creator->is_writable && ACCOUNT(N_POOL)->is_writable, CONSTRAINT_MUT);
    for (u64 i = N_LP_MINT; i <= N_QUOTE_VAULT; i++) REQUIRE(ACCOUNT(i)->is_writable, CONSTRAINT_MUT);
    CHECK(check_config(ACCOUNT(N_CONFIG)));
    CHECK(check_mint(ACCOUNT(N_BASE_MINT)));
    CHECK(check_mint(ACCOUNT(N_QUOTE_MINT)));
    CHECK(check_token_account(ACCOUNT(N_USER_BASE)));
    CHECK(check_token_account(ACCOUNT(N_USER_QUOTE)));
    REQUIRE(same_key(ACCOUNT(N_TOKEN_2022)->key, TOKEN_2022), INVALID_PROGRAM_ID);
    for (u64 i = 0; i < 2; i++) {
        REQUIRE(same_key(ACCOUNT(N_BASE_MINT + i)->owner, ACCOUNT(N_BASE_PROGRAM + i)->key), CONSTRAINT_MINT_TOKEN_PROGRAM);
        u8 *user = ACCOUNT(N_USER_BASE + i)->data;
        REQUIRE(same_key(user + TOKEN_MINT, ACCOUNT(N_BASE_MINT + i)->key), CONSTRAINT_TOKEN_MINT);
        REQUIRE(same_key(user + TOKEN_OWNER, creator->key), CONSTRAINT_TOKEN_OWNER);
    }
    if (U8(ACCOUNT(N_CONFIG)->data, G_DISABLE_FLAGS) & NO_CREATE_POOL) FAIL(6017, "DisabledCreatePool", "");
    if (same_key(ACCOUNT(N_BASE_MINT)->key, ACCOUNT(N_QUOTE_MINT)->key)) FAIL(6022, "SameMint", "");
    if (U64(F->data, 10) == 0) ZERO_BASE();
    if (U64(F->data, 18) == 0) ZERO_QUOTE();
    return 0;
}

/* The pool's account, whose fields its own seeds are then read from. */
INLINE u64 create_state(void) {
    const Account *pool = ACCOUNT(N_POOL);
    seed(0, "pool", 4);
    seed(1, F->data + 8, 2);
    seed(2, ACCOUNT(N_CREATOR)->key, 32);
    seed(3, ACCOUNT(N_BASE_MINT)->key, 32);
    seed(4, ACCOUNT(N_QUOTE_MINT)->key, 32);
    F->bump = 0;
    if (sol_try_find_program_address(F->seeds, 5, F->program, (u8 *)F->address, (u8 *)&F->bump) != 0) abort();
    REQUIRE(same_key(F->address, pool->key), CONSTRAINT_SEEDS);
    u8 bump = F->bump;
    seed(5, &F->bump, 1);
    create_account(ACCOUNT(N_CREATOR), pool, POOL_LEN, F->program, 6);
    u8 *state = pool->data;
    U64(state, 0) = POOL_STATE;
    U8(state, P_BUMP) = bump;
    U16(state, P_INDEX) = U16(F->data, 8);
    copy_key(state + P_CREATOR, ACCOUNT(N_CREATOR)->key);
    copy_key(state + P_BASE_MINT, ACCOUNT(N_BASE_MINT)->key);
    copy_key(state + P_QUOTE_MINT, ACCOUNT(N_QUOTE_MINT)->key);
    copy_key(state + P_LP_MINT, ACCOUNT(N_LP_MINT)->key);
    copy_key(state + P_BASE_VAULT, ACCOUNT(N_BASE_VAULT)->key);
    copy_key(state + P_QUOTE_VAULT, ACCOUNT(N_QUOTE_VAULT)->key);
    return 0;
}

INLINE u64 create_lp_mint(void) {
    const Account *lp_mint = ACCOUNT(N_LP_MINT), *creator = ACCOUNT(N_CREATOR);
    u64 seeds = FIND("pool_lp_mint", ACCOUNT(N_POOL)->key);
    REQUIRE(same_key(F->address, lp_mint->key), CONSTRAINT_SEEDS);
    create_account(creator, lp_mint, MINT_LEN, TOKEN_2022, seeds);
    U8(F->cpi_data, 0) = 20; /* InitializeMint2: decimals, mint authority, no freeze authority */
    U8(F->cpi_data, 1) = LP_DECIMALS;
    copy_key((u8 *)F->cpi_data + 2, ACCOUNT(N_POOL)->key);
    U8(F->cpi_data, 34) = 0;
    meta(0, lp_mint, true, false);
    invoke((u8 *)TOKEN_2022, 1, 35, 0);
    return 0;
}

INLINE void create_holdings(void) {
    const Account *creator = ACCOUNT(N_CREATOR), *pool = ACCOUNT(N_POOL), *system = ACCOUNT(N_SYSTEM);
    const Account *lp[6] = {creator, ACCOUNT(N_USER_LP), creator, ACCOUNT(N_LP_MINT), system, ACCOUNT(N_TOKEN_2022)};
    const Account *base[6] = {
        creator, ACCOUNT(N_BASE_VAULT), pool, ACCOUNT(N_BASE_MINT), system, ACCOUNT(N_BASE_PROGRAM)};
    const Account *quote[6] = {
        creator, ACCOUNT(N_QUOTE_VAULT), pool, ACCOUNT(N_QUOTE_MINT), system, ACCOUNT(N_QUOTE_PROGRAM)};
    create_associated(lp, 0);
    create_associated(base, 0);
    create_associated(quote, 0);
}

NOINLINE void tell_pool(u64 liquidity) {
    u8 *pool = ACCOUNT(N_POOL)->data;
    F->event_len = 0;
    event_u64(CREATE_POOL_EVENT);
    event_u64(F->clock.unix_timestamp);
    event_u8(F->data[8]);
    event_u8(F->data[9]);
    event_key(ACCOUNT(N_CREATOR)->key);
    event_key(ACCOUNT(N_BASE_MINT)->key);
    event_key(ACCOUNT(N_QUOTE_MINT)->key);
    event_u8(U8(ACCOUNT(N_BASE_MINT)->data, MINT_DECIMALS));
    event_u8(U8(ACCOUNT(N_QUOTE_MINT)->data, MINT_DECIMALS));
    event_u64(U64(F->data, 10));
    event_u64(U64(F->data, 18));
    event_u64(amount_of(ACCOUNT(N_BASE_VAULT)));
    event_u64(amount_of(ACCOUNT(N_QUOTE_VAULT)));
    event_u64(LP_LOCKED);
    event_u64(liquidity);
    event_u64(liquidity - LP_LOCKED);
    event_u8(U8(pool, P_BUMP));
    event_key(ACCOUNT(N_POOL)->key);
    event_key(ACCOUNT(N_LP_MINT)->key);
    event_key(ACCOUNT(N_USER_BASE)->key);
    event_key(ACCOUNT(N_USER_QUOTE)->key);
    event_key(pool + P_COIN_CREATOR);
    event_u8(U8(pool, P_MAYHEM));
    event_u64(U64(pool, P_CREATOR_FEE));
    event_u8(0);
    event_emit();
}

NOINLINE u64 create_pool(void) {
    CHECK(check_create_pool());
    const u8 *coin_creator = F->data + 26;
    bool mayhem = U8(F->data, 58), cashback = F->data_len > 59 && U8(F->data, 59);
    u64 creator_fee = F->data_len >= 68 ? U64(F->data, 60) : 0;
    bool canonical = is_pool_authority(ACCOUNT(N_CREATOR)->key, ACCOUNT(N_BASE_MINT)->key);
    if (!canonical && !same_key(coin_creator, SYSTEM))
        FAIL(6028, "OnlyCanonicalPumpPoolsCanHaveCoinCreator", "");
    if (!canonical && mayhem) FAIL(6042, "OnlyPumpPoolsMayhemMode", "");
    if (!canonical && cashback) FAIL(6050, "OnlyPumpPoolsCashback", "");

    CHECK(create_state());
    CHECK(create_lp_mint());
    create_holdings();
    u8 *pool = ACCOUNT(N_POOL)->data;
    copy_key(pool + P_COIN_CREATOR, coin_creator);
    U8(pool, P_MAYHEM) = mayhem;
    U8(pool, P_CASHBACK) = cashback;
    U64(pool, P_CREATOR_FEE) = creator_fee;

    const Account *creator = ACCOUNT(N_CREATOR);
    transfer_checked(ACCOUNT(N_USER_BASE), ACCOUNT(N_BASE_MINT), ACCOUNT(N_BASE_VAULT), creator,
                     ACCOUNT(N_BASE_PROGRAM), U64(F->data, 10), 0);
    transfer_checked(ACCOUNT(N_USER_QUOTE), ACCOUNT(N_QUOTE_MINT), ACCOUNT(N_QUOTE_VAULT), creator,
                     ACCOUNT(N_QUOTE_PROGRAM), U64(F->data, 18), 0);
    u64 liquidity = root_of_product(amount_of(ACCOUNT(N_BASE_VAULT)), amount_of(ACCOUNT(N_QUOTE_VAULT)));
    if (liquidity <= LP_LOCKED) FAIL(6003, "TooLittlePoolTokenLiquidity", "");
    U64(pool, P_LP_SUPPLY) = liquidity;
    change_supply(MINT_TO, ACCOUNT(N_LP_MINT), ACCOUNT(N_USER_LP), ACCOUNT(N_POOL), ACCOUNT(N_TOKEN_2022),
                  liquidity - LP_LOCKED, pool_seeds(pool));
    tell_pool(liquidity);
    return 0;
}
