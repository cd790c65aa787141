/* initialize: a pool with all its accounts and its first liquidity, in one instruction. */
#pragma once
#include "state.h"

enum {
    I_CREATOR, I_CONFIG, I_AUTHORITY, I_POOL, I_MINT_0, I_MINT_1, I_LP_MINT, I_USER_0, I_USER_1, I_LP, I_VAULT_0, I_VAULT_1,
    I_FEE_RECEIVER, I_OBSERVATION, I_TOKEN, I_TOKEN_0, I_TOKEN_1, I_ASSOCIATED, I_SYSTEM, I_RENT, INITIALIZE_ACCOUNTS,
};

/* Only extensions that leave a pool in command of its own vaults. */
NOINLINE bool is_supported_mint(const Account *mint) {
    u64 len = data_len(mint), at = EXTENSIONS;
    if (!same_key(mint->owner, TOKEN_2022)) return true;
    while (at + 4 <= len) {
        u16 type = U16(mint->data, at);
        if (type == 0) return true;
        if (type != EXT_TRANSFER_FEE_CONFIG && type != EXT_METADATA_POINTER && type != EXT_TOKEN_METADATA &&
            type != EXT_INTEREST_BEARING && type != EXT_SCALED_UI_AMOUNT)
            return false;
        at += 4 + U16(mint->data, at + 2);
    }
    return true;
}

/* Rent for 128 + space bytes. The threshold is a float; the network has only ever used powers of two. */
NOINLINE u64 rent_minimum(u64 space) {
    Rent rent;
    sol_get_rent_sysvar(&rent);
    u64 exponent = rent.exemption_threshold >> 52;
    if (rent.exemption_threshold << 12 != 0 || exponent < 1023 || exponent > 1033) abort();
    return (128 + space) * rent.lamports_per_byte_year << (exponent - 1023);
}

/* Fills the frame's seeds with a PDA of this program and returns their number; CONSTRAINT_SEEDS is the caller's. */
NOINLINE u64 find_address(const char *tag, u64 tag_len, const u8 *first, const u8 *second, const u8 *third) {
    u64 n = 2;
    seed(0, tag, tag_len);
    seed(1, first, 32);
    if (second) seed(n++, second, 32);
    if (third) seed(n++, third, 32);
    F->bump = 0;
    if (sol_try_find_program_address(F->seeds, n, F->program, (u8 *)F->address, (u8 *)&F->bump) != 0) abort();
    seed(n, &F->bump, 1);
    return n + 1;
}
#define FIND(tag, first, second, third) find_address(tag, sizeof(tag) - 1, first, second, third)

/* Creates `target`, a PDA of the frame's seeds, or takes it over where someone has sent lamports there before. */
NOINLINE void create_account(const Account *target, u64 space, const void *owner, u64 seeds) {
    const Account *payer = ACCOUNT(I_CREATOR);
    u8 *system = ACCOUNT(I_SYSTEM)->key;
    u64 needed = rent_minimum(space), held = *target->lamports;
    meta(0, payer, true, true);
    meta(1, target, true, true);
    if (held == 0) {
        U32(F->cpi_data, 0) = 0;
        U64(F->cpi_data, 4) = needed;
        U64(F->cpi_data, 12) = space;
        copy_key((u8 *)F->cpi_data + 20, owner);
        invoke(system, 2, 52, seeds);
        return;
    }
    if (needed > held) {
        U32(F->cpi_data, 0) = 2;
        U64(F->cpi_data, 4) = needed - held;
        meta(1, target, true, false);
        invoke(system, 2, 12, 0);
    }
    meta(0, target, true, true);
    U32(F->cpi_data, 0) = 8;
    U64(F->cpi_data, 4) = space;
    invoke(system, 1, 12, seeds);
    U32(F->cpi_data, 0) = 1;
    copy_key((u8 *)F->cpi_data + 4, owner);
    invoke(system, 1, 36, seeds);
}

INLINE void create_vault(const Account *vault, const Account *mint, const Account *program, u64 seeds) {
    /* a Token-2022 vault of a fee mint also holds TransferFeeAmount: type byte, 4 bytes of header, 8 of value */
    create_account(vault, extension(mint, EXT_TRANSFER_FEE_CONFIG) ? TOKEN_LEN + 13 : TOKEN_LEN, program->key, seeds);
    U8(F->cpi_data, 0) = 18; /* InitializeAccount3 */
    copy_key((u8 *)F->cpi_data + 1, AUTHORITY);
    meta(0, vault, true, false);
    meta(1, mint, false, false);
    invoke(program->key, 2, 33, 0);
}

INLINE u64 check_initialize_accounts(void) {
    REQUIRE(F->accounts_len >= INITIALIZE_ACCOUNTS, NOT_ENOUGH_KEYS);
    const Account *config = ACCOUNT(I_CONFIG), *creator = ACCOUNT(I_CREATOR);
    REQUIRE(creator->is_signer, NOT_SIGNER);
    REQUIRE(same_key(config->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(config->data_len >= C_CREATOR + 8 && U64(config->data, 0) == AMM_CONFIG, DISCRIMINATOR_MISMATCH);
    CHECK(check_mint(ACCOUNT(I_MINT_0)));
    CHECK(check_mint(ACCOUNT(I_MINT_1)));
    CHECK(check_token_account(ACCOUNT(I_USER_0)));
    CHECK(check_token_account(ACCOUNT(I_USER_1)));
    CHECK(check_token_account(ACCOUNT(I_FEE_RECEIVER)));
    REQUIRE(same_key(ACCOUNT(I_TOKEN)->key, TOKEN), INVALID_PROGRAM_ID);
    REQUIRE(is_token_program(ACCOUNT(I_TOKEN_0)->key), INVALID_PROGRAM_ID);
    REQUIRE(is_token_program(ACCOUNT(I_TOKEN_1)->key), INVALID_PROGRAM_ID);
    REQUIRE(same_key(ACCOUNT(I_ASSOCIATED)->key, ASSOCIATED_TOKEN), INVALID_PROGRAM_ID);
    REQUIRE(same_key(ACCOUNT(I_SYSTEM)->key, SYSTEM), INVALID_PROGRAM_ID);

    REQUIRE(creator->is_writable && ACCOUNT(I_POOL)->is_writable, CONSTRAINT_MUT);
    for (u64 i = I_LP_MINT; i <= I_OBSERVATION; i++) REQUIRE(ACCOUNT(i)->is_writable, CONSTRAINT_MUT);
    REQUIRE(same_key(ACCOUNT(I_AUTHORITY)->key, AUTHORITY), CONSTRAINT_SEEDS);
    REQUIRE(key_before(ACCOUNT(I_MINT_0)->key, ACCOUNT(I_MINT_1)->key), CONSTRAINT_RAW);
    for (u64 i = 0; i < 2; i++) {
        REQUIRE(same_key(ACCOUNT(I_MINT_0 + i)->owner, ACCOUNT(I_TOKEN_0 + i)->key), CONSTRAINT_MINT_TOKEN_PROGRAM);
        u8 *user = ACCOUNT(I_USER_0 + i)->data;
        REQUIRE(same_key(user + TOKEN_MINT, ACCOUNT(I_MINT_0 + i)->key), CONSTRAINT_TOKEN_MINT);
        REQUIRE(same_key(user + TOKEN_OWNER, creator->key), CONSTRAINT_TOKEN_OWNER);
    }
    REQUIRE(same_key(ACCOUNT(I_FEE_RECEIVER)->key, FEE_RECEIVER), CONSTRAINT_ADDRESS);
    return 0;
}

INLINE void pay_creation_fee(u64 lamports) {
    const Account *receiver = ACCOUNT(I_FEE_RECEIVER);
    U32(F->cpi_data, 0) = 2;
    U64(F->cpi_data, 4) = lamports;
    meta(0, ACCOUNT(I_CREATOR), true, true);
    meta(1, receiver, true, false);
    invoke(ACCOUNT(I_SYSTEM)->key, 2, 12, 0);
    U8(F->cpi_data, 0) = 17; /* SyncNative */
    meta(0, receiver, true, false);
    invoke(ACCOUNT(I_TOKEN)->key, 1, 1, 0);
}

INLINE u64 create_lp_accounts(void) {
    const Account *lp_mint = ACCOUNT(I_LP_MINT), *lp = ACCOUNT(I_LP), *creator = ACCOUNT(I_CREATOR);
    u64 seeds = FIND("pool_lp_mint", ACCOUNT(I_POOL)->key, 0, 0);
    REQUIRE(same_key(F->address, lp_mint->key), CONSTRAINT_SEEDS);
    create_account(lp_mint, MINT_LEN, TOKEN, seeds);
    U8(F->cpi_data, 0) = 20; /* InitializeMint2: decimals, mint authority, no freeze authority */
    U8(F->cpi_data, 1) = LP_DECIMALS;
    copy_key((u8 *)F->cpi_data + 2, AUTHORITY);
    U8(F->cpi_data, 34) = 0;
    meta(0, lp_mint, true, false);
    invoke(ACCOUNT(I_TOKEN)->key, 1, 35, 0);

    meta(0, creator, true, true);
    meta(1, lp, true, false);
    meta(2, creator, false, false);
    meta(3, lp_mint, false, false);
    meta(4, ACCOUNT(I_SYSTEM), false, false);
    meta(5, ACCOUNT(I_TOKEN), false, false);
    U8(F->cpi_data, 0) = 0; /* Create */
    invoke(ACCOUNT(I_ASSOCIATED)->key, 6, 1, 0);
    return 0;
}

INLINE u64 create_observation(void) {
    const Account *observation = ACCOUNT(I_OBSERVATION);
    u64 seeds = FIND("observation", ACCOUNT(I_POOL)->key, 0, 0);
    REQUIRE(same_key(F->address, observation->key), CONSTRAINT_SEEDS);
    create_account(observation, OBSERVATION_LEN, F->program, seeds);
    U64(observation->data, 0) = OBSERVATION_STATE;
    copy_key(observation->data + O_POOL, ACCOUNT(I_POOL)->key);
    return 0;
}

INLINE u64 create_vaults_and_pool(void) {
    const Account *pool = ACCOUNT(I_POOL), *mint_0 = ACCOUNT(I_MINT_0), *mint_1 = ACCOUNT(I_MINT_1);
    u64 seeds = FIND("pool_vault", pool->key, mint_0->key, 0);
    REQUIRE(same_key(F->address, ACCOUNT(I_VAULT_0)->key), CONSTRAINT_SEEDS);
    create_vault(ACCOUNT(I_VAULT_0), mint_0, ACCOUNT(I_TOKEN_0), seeds);
    seeds = FIND("pool_vault", pool->key, mint_1->key, 0);
    REQUIRE(same_key(F->address, ACCOUNT(I_VAULT_1)->key), CONSTRAINT_SEEDS);
    create_vault(ACCOUNT(I_VAULT_1), mint_1, ACCOUNT(I_TOKEN_1), seeds);

    if (!same_key(pool->owner, SYSTEM)) NOT_APPROVED();
    seeds = FIND("pool", ACCOUNT(I_CONFIG)->key, mint_0->key, mint_1->key);
    /* a pool may live at any address that signs for itself */
    if (!same_key(F->address, pool->key)) {
        REQUIRE(pool->is_signer, 2502 /* RequireEqViolated */);
        seeds = 0;
    }
    create_account(pool, POOL_LEN, F->program, seeds);
    return 0;
}

NOINLINE u64 initialize(void) {
    REQUIRE(F->data_len >= 32, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(check_initialize_accounts());
    u64 open_time = U64(F->data, 24), now = F->clock.unix_timestamp;
    const Account *mint_0 = ACCOUNT(I_MINT_0), *mint_1 = ACCOUNT(I_MINT_1), *creator = ACCOUNT(I_CREATOR);
    const Account *vault_0 = ACCOUNT(I_VAULT_0), *vault_1 = ACCOUNT(I_VAULT_1), *config = ACCOUNT(I_CONFIG);
    u8 *pool = ACCOUNT(I_POOL)->data;

    /* Anchor makes its `init` accounts before the handler runs */
    CHECK(create_lp_accounts());
    CHECK(create_observation());
    if (!is_supported_mint(mint_0) || !is_supported_mint(mint_1))
        FAIL(6007, "NotSupportMint", "Not support token_2022 mint extension");
    if (U8(config->data, C_CREATE_DISABLED)) NOT_APPROVED();
    if (open_time <= now) open_time = now + 1;
    CHECK(create_vaults_and_pool());

    transfer_checked(ACCOUNT(I_USER_0), mint_0, vault_0, creator, ACCOUNT(I_TOKEN_0), U64(F->data, 8), 0);
    transfer_checked(ACCOUNT(I_USER_1), mint_1, vault_1, creator, ACCOUNT(I_TOKEN_1), U64(F->data, 16), 0);
    u64 amount_0 = amount_of(vault_0), amount_1 = amount_of(vault_1);
    if (amount_0 == 0 || amount_1 == 0) FAIL(6002, "EmptySupply", "Input token account empty");
    u64 liquidity = root_of_product(amount_0, amount_1);
    if (liquidity < LP_LOCKED)
        FAIL(6009, "InitLpAmountTooLess", "Init lp amount is too less(Because 100 amount lp will be locked)");

    U64(pool, 0) = POOL_STATE;
    copy_key(pool + P_CONFIG, config->key);
    copy_key(pool + P_CREATOR, creator->key);
    copy_key(pool + P_VAULT_0, vault_0->key);
    copy_key(pool + P_VAULT_1, vault_1->key);
    copy_key(pool + P_LP_MINT, ACCOUNT(I_LP_MINT)->key);
    copy_key(pool + P_MINT_0, mint_0->key);
    copy_key(pool + P_MINT_1, mint_1->key);
    copy_key(pool + P_PROGRAM_0, mint_0->owner);
    copy_key(pool + P_PROGRAM_1, mint_1->owner);
    copy_key(pool + P_OBSERVATION, ACCOUNT(I_OBSERVATION)->key);
    seed(0, AUTHORITY_SEED, sizeof(AUTHORITY_SEED) - 1);
    sol_try_find_program_address(F->seeds, 1, F->program, (u8 *)F->address, pool + P_AUTH_BUMP);
    U8(pool, P_LP_DECIMALS) = LP_DECIMALS;
    U8(pool, P_DECIMALS_0) = U8(mint_0->data, MINT_DECIMALS);
    U8(pool, P_DECIMALS_1) = U8(mint_1->data, MINT_DECIMALS);
    U64(pool, P_LP_SUPPLY) = liquidity;
    U64(pool, P_OPEN_TIME) = open_time;
    U64(pool, P_EPOCH) = F->clock.epoch;

    if (liquidity > LP_LOCKED)
        change_supply(MINT_TO, ACCOUNT(I_LP_MINT), ACCOUNT(I_LP), ACCOUNT(I_AUTHORITY), ACCOUNT(I_TOKEN),
                      liquidity - LP_LOCKED, sign_as_authority(pool));
    if (U64(config->data, C_CREATE_FEE) != 0) pay_creation_fee(U64(config->data, C_CREATE_FEE));
    return 0;
}
