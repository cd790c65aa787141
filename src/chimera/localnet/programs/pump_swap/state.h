/* PumpSwap's accounts, numbers and errors. */
#pragma once
#include "../pump.h"

#define POOL_STATE 0xbc6db111046d9af1ULL
#define GLOBAL_CONFIG_STATE 0xd9b0fca0ca9c0895ULL
#define BUY_EVENT 0x7777f52c1f52f467ULL
#define SELL_EVENT 0x2adc03a50a372f3eULL
#define CREATE_POOL_EVENT 0x74a776a0d20c31b1ULL

/* Pool, 270 bytes and a tail */
#define POOL_LEN 300
#define POOL_LEN_READ 211
enum {
    P_BUMP = 8, P_INDEX = 9, P_CREATOR = 11, P_BASE_MINT = 43, P_QUOTE_MINT = 75, P_LP_MINT = 107, P_BASE_VAULT = 139,
    P_QUOTE_VAULT = 171, P_LP_SUPPLY = 203, P_COIN_CREATOR = 211, P_MAYHEM = 243, P_CASHBACK = 244,
    P_VIRTUAL_QUOTE = 245, P_CREATOR_FEE = 261,
};
/* GlobalConfig, 949 bytes */
#define CONFIG_LEN 949
enum {
    G_DISABLE_FLAGS = 56, G_FEE_RECIPIENTS = 57, G_MAYHEM_RECIPIENT = 385, G_MAYHEM_RECIPIENTS = 418,
    G_BUYBACK_RECIPIENTS = 643, G_BUYBACK_BPS = 899, G_CREATOR_FEE_CONFIGURABLE = 940,
};
#define NO_CREATE_POOL 1
#define NO_BUY 8
#define NO_SELL 16

#define LP_LOCKED 100 /* never minted */
#define LP_DECIMALS 9

static const u64 GLOBAL_CONFIG[4] = {/* ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw */
    0xaa551ffe44a60b89ULL, 0xd314ecd2d21cf119ULL, 0xf7eeea4b0a6e3b23ULL, 0xd670e1218e85692bULL};
static const u64 SWAP_FEES[4] = {/* 5PHirr8joyTMp9JMm6nW7hNDVyEYdkzDqazxPD7RaTjx */
    0x81fe787dcc6e2441ULL, 0x99416569a47317e4ULL, 0xdf974764073a9237ULL, 0xcb10604214b53e6fULL};

#define ZERO_BASE() FAIL(6001, "ZeroBaseAmount", "")
#define ZERO_QUOTE() FAIL(6002, "ZeroQuoteAmount", "")
#define EXCEEDED_SLIPPAGE() FAIL(6004, "ExceededSlippage", "")

NOINLINE u64 check_config(const Account *config) {
    REQUIRE(same_key(config->key, GLOBAL_CONFIG), CONSTRAINT_SEEDS);
    REQUIRE(same_key(config->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(config->data_len >= CONFIG_LEN && U64(config->data, 0) == GLOBAL_CONFIG_STATE, DISCRIMINATOR_MISMATCH);
    return 0;
}

/* Whether the key is the pool authority of a mint under the curve program: who makes canonical pools. */
NOINLINE bool is_pool_authority(const u8 *key, const u8 *mint) {
    seed(0, "pool-authority", 14);
    seed(1, mint, 32);
    if (sol_try_find_program_address(F->seeds, 2, (const u8 *)CURVE_PROGRAM, (u8 *)F->address, (u8 *)&F->bump) != 0) abort();
    return same_key(F->address, key);
}

/* Leaves the pool's seeds, to sign with, in the frame. */
INLINE u64 pool_seeds(u8 *pool) {
    seed(0, "pool", 4);
    seed(1, pool + P_INDEX, 2);
    seed(2, pool + P_CREATOR, 32);
    seed(3, pool + P_BASE_MINT, 32);
    seed(4, pool + P_QUOTE_MINT, 32);
    seed(5, pool + P_BUMP, 1);
    return 6;
}
