/* The curve program's accounts, numbers and errors. */
#pragma once
#include "../pump.h"

#define BONDING_CURVE 0x60acd86037f8b717ULL
#define GLOBAL_STATE 0x7f726cc8b1e8e8a7ULL
#define TRADE_EVENT 0xee61e64ed37fdbbdULL
#define CREATE_EVENT 0x7663ebde4da9721bULL
#define COMPLETE_EVENT 0x08982ed49c61725fULL
#define MIGRATION_EVENT 0x94ea945cb95de9bdULL

/* BondingCurve, 125 bytes and a tail */
#define CURVE_LEN 151
#define CURVE_LEN_READ 125
enum {
    C_VIRTUAL_TOKENS = 8, C_VIRTUAL_QUOTE = 16, C_REAL_TOKENS = 24, C_REAL_QUOTE = 32, C_SUPPLY = 40, C_COMPLETE = 48,
    C_CREATOR = 49, C_MAYHEM = 81, C_CASHBACK = 82, C_QUOTE_MINT = 83, C_CREATOR_FEE = 115,
};
/* Global, 1087 bytes */
#define GLOBAL_LEN 1087
enum {
    G_FEE_RECIPIENT = 41, G_VIRTUAL_TOKENS = 73, G_VIRTUAL_QUOTE = 81, G_REAL_TOKENS = 89, G_SUPPLY = 97,
    G_WITHDRAW_AUTHORITY = 113, G_ENABLE_MIGRATE = 145, G_MIGRATION_FEE = 146, G_FEE_RECIPIENTS = 162,
    G_CREATE_V2_ENABLED = 450, G_MAYHEM_RECIPIENT = 483, G_MAYHEM_RECIPIENTS = 516, G_BUYBACK_RECIPIENTS = 741,
    G_BUYBACK_BPS = 997, G_CREATOR_FEE_CONFIGURABLE = 1045,
};

static const u64 GLOBAL[4] = {/* 4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf */
    0x80540fee695e863aULL, 0x2fdce45763f6bccaULL, 0x8974eac1458dd518ULL, 0xa6723c79d92337fbULL};
static const u64 CURVE_FEES[4] = {/* 8Wf5TiAheLUqBrKXeYg2JtAFFMWtKdG2BSFgqUcPVwTt */
    0xc08d95f1a4b49a6fULL, 0x99072cb73f4cc9a9ULL, 0x4fa2e385a4ed4358ULL, 0x0f9419f89993c610ULL};

#define TOO_MUCH_SOL() \
    FAIL(6002, "TooMuchSolRequired", "slippage: Too much SOL required to buy the given amount of tokens")
#define TOO_LITTLE_SOL() \
    FAIL(6003, "TooLittleSolReceived", "slippage: Too little SOL received to sell the given amount of tokens")
#define CURVE_COMPLETE() \
    FAIL(6005, "BondingCurveComplete", "The bonding curve has completed and liquidity migrated to raydium")
#define BUY_ZERO() FAIL(6020, "BuyZeroAmount", "Buy zero amount")
#define NOT_ENOUGH_TOKENS() FAIL(6021, "NotEnoughTokensToBuy", "Not enough tokens to buy")
#define SELL_ZERO() FAIL(6022, "SellZeroAmount", "Sell zero amount")

NOINLINE u64 check_global(const Account *global) {
    REQUIRE(same_key(global->key, GLOBAL), CONSTRAINT_SEEDS);
    REQUIRE(same_key(global->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(global->data_len >= GLOBAL_LEN && U64(global->data, 0) == GLOBAL_STATE, DISCRIMINATOR_MISMATCH);
    return 0;
}

/* Checks the curve against its mint and leaves its seeds, to sign with, in the frame: three of them. */
NOINLINE u64 check_curve(const Account *curve, const Account *mint) {
    REQUIRE(same_key(curve->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(curve->data_len >= CURVE_LEN_READ && U64(curve->data, 0) == BONDING_CURVE, DISCRIMINATOR_MISMATCH);
    REQUIRE(curve->is_writable, CONSTRAINT_MUT);
    FIND("bonding-curve", mint->key);
    REQUIRE(same_key(F->address, curve->key), CONSTRAINT_SEEDS);
    return 0;
}
#define CURVE_SEEDS 3
