/* CPMM's accounts, numbers and errors, and what both trading and liquidity ask of them. */
#pragma once
#include "../token.h"

#define POOL_STATE 0x46dec3d7f5e3edf7ULL
#define AMM_CONFIG 0x6f2bcbcb6821f4daULL
#define OBSERVATION_STATE 0x84a5098135c5ae7aULL
#define SWAP_EVENT 0xe2710826e8cdc640ULL
#define LP_CHANGE_EVENT 0x3c75da39c9cda379ULL

/* PoolState, 637 bytes */
#define POOL_LEN 637
enum {
    P_CONFIG = 8, P_CREATOR = 40, P_VAULT_0 = 72, P_VAULT_1 = 104, P_LP_MINT = 136, P_MINT_0 = 168, P_MINT_1 = 200,
    P_PROGRAM_0 = 232, P_PROGRAM_1 = 264, P_OBSERVATION = 296, P_AUTH_BUMP = 328, P_STATUS = 329, P_LP_DECIMALS = 330,
    P_DECIMALS_0 = 331, P_DECIMALS_1 = 332, P_LP_SUPPLY = 333, P_PROTOCOL_0 = 341, P_PROTOCOL_1 = 349, P_FUND_0 = 357,
    P_FUND_1 = 365, P_OPEN_TIME = 373, P_EPOCH = 381, P_CREATOR_FEE_ON = 389, P_CREATOR_FEE_ENABLED = 390,
    P_CREATOR_0 = 397, P_CREATOR_1 = 405,
};
/* AmmConfig, 236 bytes; rates in millionths */
enum { C_CREATE_DISABLED = 9, C_TRADE = 12, C_PROTOCOL = 20, C_FUND = 28, C_CREATE_FEE = 36, C_CREATOR = 108 };
#define RATE 1000000ULL
/* ObservationState, 4075 bytes: 100 records of (time u64, two cumulative u128) from byte 43 */
#define OBSERVATION_LEN 4075
enum { O_INITIALIZED = 8, O_INDEX = 9, O_POOL = 11, O_RECORDS = 43, O_UPDATED = 4043 };
#define RECORD_LEN 40
#define RECORDS 100
#define RECORD_SECONDS 15 /* a new record at most this often */

#define STATUS_NO_DEPOSIT 1
#define STATUS_NO_WITHDRAW 2
#define STATUS_NO_SWAP 4
#define LP_LOCKED 100 /* never minted, so that a pool's supply cannot return to nothing */
#define LP_DECIMALS 9

static const u64 AUTHORITY[4] = {/* GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL */
    0x21b492b2f5d900ebULL, 0x64f0d6b437d0c74aULL, 0x0573f30d6064b950ULL, 0x679a8e2f4fe8b52bULL};
static const u64 FEE_RECEIVER[4] = {/* DNXgeM9EiiaAbaWvwjHj9fQQLAX5ZsfHyvmYUNRAdNC8 */
    0xe307ac545222d0b7ULL, 0x10f1f0c1863fbdb2ULL, 0x14ef5ac18c70c03fULL, 0x69ea553f45a63a07ULL};
static const char AUTHORITY_SEED[] = "vault_and_lp_mint_auth_seed";

#define NOT_APPROVED() FAIL(6000, "NotApproved", "Not approved")
#define INCORRECT_LP_MINT() FAIL(6004, "IncorrectLpMint", "Address of the provided lp token mint is incorrect")
#define EXCEEDED_SLIPPAGE() FAIL(6005, "ExceededSlippage", "Exceeds desired slippage limit")
#define ZERO_TRADING_TOKENS() \
    FAIL(6006, "ZeroTradingTokens", "Given pool token amount results in zero trading tokens")
#define INSUFFICIENT_VAULT() FAIL(6012, "InsufficientVault", "Insufficient vault")

/* Signs the next call as the one authority over all vaults and LP mints. */
INLINE u64 sign_as_authority(u8 *pool) {
    seed(0, AUTHORITY_SEED, sizeof(AUTHORITY_SEED) - 1);
    seed(1, pool + P_AUTH_BUMP, 1);
    return 2;
}

NOINLINE u64 check_pool(const Account *pool) {
    REQUIRE(same_key(pool->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(pool->data_len >= POOL_LEN && U64(pool->data, 0) == POOL_STATE, DISCRIMINATOR_MISMATCH);
    return 0;
}

/* What traders and liquidity providers own of a vault: its balance without the fees that wait in it. */
NOINLINE u64 reserve(const Account *vault, const u8 *pool, bool of_token_0, u64 *out) {
    u64 at = of_token_0 ? P_PROTOCOL_0 : P_PROTOCOL_1;
    u64 fees = U64(pool, at), fund = U64(pool, at + (P_FUND_0 - P_PROTOCOL_0));
    u64 creator = U64(pool, of_token_0 ? P_CREATOR_0 : P_CREATOR_1);
    if (fees + fund < fees || fees + fund + creator < creator) FAIL(6011, "MathOverflow", "Math overflow");
    fees += fund + creator;
    if (fees > amount_of(vault)) INSUFFICIENT_VAULT();
    *out = amount_of(vault) - fees;
    return 0;
}
