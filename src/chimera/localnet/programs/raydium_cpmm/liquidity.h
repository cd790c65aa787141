/* deposit and withdraw: LP units against shares of both reserves, rounded in the pool's favour. */
#pragma once
#include "state.h"

enum {
    L_OWNER, L_AUTHORITY, L_POOL, L_LP, L_USER_0, L_USER_1, L_VAULT_0, L_VAULT_1, L_TOKEN, L_TOKEN_2022, L_MINT_0, L_MINT_1,
    L_LP_MINT, DEPOSIT_ACCOUNTS, /* and for withdraw the memo program, which nothing is asked of */
    WITHDRAW_ACCOUNTS,
};

INLINE u64 check_liquidity_accounts(bool adding) {
    REQUIRE(F->accounts_len >= (adding ? DEPOSIT_ACCOUNTS : WITHDRAW_ACCOUNTS), NOT_ENOUGH_KEYS);
    u8 *owner = ACCOUNT(L_OWNER)->key;
    REQUIRE(ACCOUNT(L_OWNER)->is_signer, NOT_SIGNER);
    CHECK(check_pool(ACCOUNT(L_POOL)));
    for (u64 i = L_LP; i <= L_VAULT_1; i++) CHECK(check_token_account(ACCOUNT(i)));
    REQUIRE(same_key(ACCOUNT(L_TOKEN)->key, TOKEN), INVALID_PROGRAM_ID);
    REQUIRE(same_key(ACCOUNT(L_TOKEN_2022)->key, TOKEN_2022), INVALID_PROGRAM_ID);
    for (u64 i = L_MINT_0; i <= L_LP_MINT; i++) CHECK(check_mint(ACCOUNT(i)));

    u8 *pool = ACCOUNT(L_POOL)->data;
    REQUIRE(same_key(ACCOUNT(L_AUTHORITY)->key, AUTHORITY), CONSTRAINT_SEEDS);
    for (u64 i = L_POOL; i <= L_VAULT_1; i++) REQUIRE(ACCOUNT(i)->is_writable, CONSTRAINT_MUT);
    REQUIRE(same_key(ACCOUNT(L_LP)->data + TOKEN_OWNER, owner), CONSTRAINT_TOKEN_OWNER);
    for (u64 i = L_USER_0; i <= L_USER_1; i++) {
        REQUIRE(same_key(ACCOUNT(i)->data + TOKEN_MINT, ACCOUNT(i + 2)->data + TOKEN_MINT), CONSTRAINT_TOKEN_MINT);
        if (adding) REQUIRE(same_key(ACCOUNT(i)->data + TOKEN_OWNER, owner), CONSTRAINT_TOKEN_OWNER);
    }
    REQUIRE(same_key(ACCOUNT(L_VAULT_0)->key, pool + P_VAULT_0), CONSTRAINT_RAW);
    REQUIRE(same_key(ACCOUNT(L_VAULT_1)->key, pool + P_VAULT_1), CONSTRAINT_RAW);
    REQUIRE(same_key(ACCOUNT(L_MINT_0)->key, ACCOUNT(L_VAULT_0)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(L_MINT_1)->key, ACCOUNT(L_VAULT_1)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(ACCOUNT(L_LP_MINT)->is_writable, CONSTRAINT_MUT);
    if (!same_key(ACCOUNT(L_LP_MINT)->key, pool + P_LP_MINT)) INCORRECT_LP_MINT();
    return 0;
}

INLINE Account *program_of(const Account *mint) {
    return ACCOUNT(same_key(mint->owner, TOKEN) ? L_TOKEN : L_TOKEN_2022);
}

/* A share of a reserve; a deposit's is rounded up, unless it is nothing. Too large a share aborts. */
INLINE u64 share(u64 lp, u64 supply, u64 reserved, bool up) {
    u64 floor = mul_div_floor(lp, reserved, supply);
    return up && floor > 0 ? mul_div_ceil(lp, reserved, supply) : floor;
}

NOINLINE u64 change_liquidity(bool adding) {
    REQUIRE(F->data_len >= 32, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(check_liquidity_accounts(adding));
    u64 lp = U64(F->data, 8), limit_0 = U64(F->data, 16), limit_1 = U64(F->data, 24);
    Account *mint_0 = ACCOUNT(L_MINT_0), *mint_1 = ACCOUNT(L_MINT_1);
    u8 *pool = ACCOUNT(L_POOL)->data;

    REQUIRE(lp > 0, REQUIRE_GT_VIOLATED);
    if (!adding) REQUIRE(amount_of(ACCOUNT(L_LP)) >= lp, REQUIRE_GTE_VIOLATED);
    if (U8(pool, P_STATUS) & (adding ? STATUS_NO_DEPOSIT : STATUS_NO_WITHDRAW)) NOT_APPROVED();

    u64 reserve_0, reserve_1, supply = U64(pool, P_LP_SUPPLY);
    CHECK(reserve(ACCOUNT(L_VAULT_0), pool, true, &reserve_0));
    CHECK(reserve(ACCOUNT(L_VAULT_1), pool, false, &reserve_1));
    if (supply == 0) ZERO_TRADING_TOKENS();
    u64 amount_0 = share(lp, supply, reserve_0, adding), amount_1 = share(lp, supply, reserve_1, adding);
    if (amount_0 == 0 || amount_1 == 0) ZERO_TRADING_TOKENS();

    u64 fee_0, fee_1, user_0, user_1; /* user: what leaves or reaches the user's own accounts */
    if (adding) {
        fee_0 = transfer_fee_inverse(mint_0, amount_0), user_0 = checked_add(amount_0, fee_0);
        fee_1 = transfer_fee_inverse(mint_1, amount_1), user_1 = checked_add(amount_1, fee_1);
    } else {
        if (amount_0 > reserve_0) amount_0 = reserve_0;
        if (amount_1 > reserve_1) amount_1 = reserve_1;
        fee_0 = transfer_fee(mint_0, amount_0), user_0 = checked_sub(amount_0, fee_0);
        fee_1 = transfer_fee(mint_1, amount_1), user_1 = checked_sub(amount_1, fee_1);
    }

    event_u64(LP_CHANGE_EVENT);
    event_key(ACCOUNT(L_POOL)->key);
    event_u64(supply);
    event_u64(reserve_0);
    event_u64(reserve_1);
    event_u64(adding ? amount_0 : user_0);
    event_u64(adding ? amount_1 : user_1);
    event_u64(fee_0);
    event_u64(fee_1);
    event_u8(!adding);
    event_emit();

    if (adding ? user_0 > limit_0 || user_1 > limit_1 : user_0 < limit_0 || user_1 < limit_1) EXCEEDED_SLIPPAGE();
    U64(pool, P_LP_SUPPLY) = adding ? checked_add(supply, lp) : checked_sub(supply, lp);

    Account *owner = ACCOUNT(L_OWNER), *authority = ACCOUNT(L_AUTHORITY), *token = ACCOUNT(L_TOKEN);
    if (adding) {
        transfer_checked(ACCOUNT(L_USER_0), mint_0, ACCOUNT(L_VAULT_0), owner, program_of(mint_0), user_0, 0);
        transfer_checked(ACCOUNT(L_USER_1), mint_1, ACCOUNT(L_VAULT_1), owner, program_of(mint_1), user_1, 0);
        change_supply(MINT_TO, ACCOUNT(L_LP_MINT), ACCOUNT(L_LP), authority, token, lp, sign_as_authority(pool));
    } else {
        change_supply(BURN, ACCOUNT(L_LP), ACCOUNT(L_LP_MINT), owner, token, lp, 0);
        u64 seeds = sign_as_authority(pool);
        transfer_checked(ACCOUNT(L_VAULT_0), mint_0, ACCOUNT(L_USER_0), authority, program_of(mint_0), amount_0, seeds);
        transfer_checked(ACCOUNT(L_VAULT_1), mint_1, ACCOUNT(L_USER_1), authority, program_of(mint_1), amount_1, seeds);
    }
    U64(pool, P_EPOCH) = F->clock.epoch;
    return 0;
}
