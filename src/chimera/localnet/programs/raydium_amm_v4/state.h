/* AMM V4's pool account, its errors, and its log line. Facts: raydium-amm `state.rs`, `error.rs`, `log.rs`. */
#pragma once
#define EVENT_MAX 512 /* the longest line and the bytes that it is made of */
#include "../token.h"

#define POOL_LEN 752
#define P_STATUS 0
#define P_NONCE 8
#define P_FEE_NUMERATOR 176
#define P_FEE_DENOMINATOR 184
#define P_OWED_COIN 192
#define P_OWED_PC 200
#define P_OPEN_TIME 224
#define P_COIN_VAULT 336
#define P_PC_VAULT 368
#define P_COIN_MINT 400
#define P_PC_MINT 432
#define P_LP_MINT 464
#define P_TARGET_ORDERS 592
#define P_LP_AMOUNT 720
#define P_EPOCH 736

enum { UNINITIALIZED, INITIALIZED, DISABLED, WITHDRAW_ONLY, LIQUIDITY_ONLY, ORDER_BOOK_ONLY, SWAP_ONLY, WAITING_TRADE };

enum {
    INVALID_PROGRAM_ADDRESS = 1,
    EXPECTED_MINT = 2,
    EXPECTED_ACCOUNT = 3,
    INVALID_COIN_VAULT = 4,
    INVALID_PC_VAULT = 5,
    INVALID_TOKEN_LP = 6,
    INVALID_POOL_MINT = 9,
    INVALID_TARGET_ORDERS = 13,
    INVALID_COIN_MINT = 16,
    INVALID_PC_MINT = 17,
    INVALID_OWNER = 18,
    INVALID_SIGN_ACCOUNT = 21,
    INVALID_STATUS = 22,
    WRONG_ACCOUNTS_NUMBER = 24,
    INVALID_TARGET_ACCOUNT_OWNER = 25,
    INVALID_TARGET_OWNER = 26,
    INVALID_AMM_ACCOUNT_OWNER = 27,
    INVALID_INPUT = 29,
    EXCEEDED_SLIPPAGE = 30,
    CHECKED_SUB_OVERFLOW = 32,
    CALC_PNL_ERROR = 37,
    INVALID_SPL_TOKEN_PROGRAM = 38,
    TAKE_PNL_ERROR = 39,
    INSUFFICIENT_FUNDS = 40,
    INVALID_USER_TOKEN = 42,
    NOT_ALLOW_ZERO_LP = 50,
    NOT_ALLOWED = 59,
};
/* The runtime's own errors, which programs return as a number above u32. */
#define INVALID_INSTRUCTION_DATA (3ULL << 32)
#define NOT_ENOUGH_ACCOUNT_KEYS (11ULL << 32)

static const u64 AUTHORITY[4] = {/* 5Q544fKrFoe6tsEbD7S8EmxGTJYAKtTVhAW5Q5pge4j1: the PDA of "amm authority" */
    0xfcc5310f58b05741ULL, 0xd7f9bc2d58624ae4ULL, 0x93a384a04359e78eULL, 0x089389228d3650b3ULL};
#define AUTHORITY_NONCE 254

#define TRANSFER 3 /* the older transfer, which has the shape of MintTo and Burn */

NOINLINE u64 check_pool(const Account *pool) {
    REQUIRE(same_key(pool->owner, F->program), INVALID_AMM_ACCOUNT_OWNER);
    REQUIRE(pool->data_len == POOL_LEN, EXPECTED_ACCOUNT);
    REQUIRE(U64(pool->data, P_STATUS) != UNINITIALIZED, INVALID_STATUS);
    REQUIRE(!same_key(pool->data + P_COIN_MINT, pool->data + P_PC_MINT), NOT_ALLOWED);
    return 0;
}

/* A token account of the older program; the newer one is unknown here. */
NOINLINE u64 check_token(const Account *account) {
    REQUIRE(same_key(account->owner, TOKEN), INVALID_SPL_TOKEN_PROGRAM);
    REQUIRE(data_len(account) == TOKEN_LEN && U8(account->data, TOKEN_STATE) != 0, EXPECTED_ACCOUNT);
    return 0;
}

NOINLINE u64 sign_as_authority(u8 *pool) {
    seed(0, "amm authority", 13);
    seed(1, pool + P_NONCE, 1);
    return 2;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
#define LOG_TEXT 128 /* where the text lies in the frame's event: behind the bytes that it is made of */

/* Logs what event_u8 and event_u64 have gathered as the line `ray_log: <base64>`. */
NOINLINE void ray_log(void) {
    static const char head[] = "ray_log: ";
    u8 *raw = (u8 *)F->event, *text = raw + LOG_TEXT;
    u64 len = sizeof(head) - 1;
    for (u64 i = 0; i < len; i++) text[i] = head[i];
    for (u64 i = 0; i < F->event_len; i += 3) {
        u64 left = F->event_len - i;
        u32 bits = (u32)raw[i] << 16 | (left > 1 ? (u32)raw[i + 1] << 8 : 0) | (left > 2 ? raw[i + 2] : 0);
        text[len++] = BASE64[bits >> 18 & 63];
        text[len++] = BASE64[bits >> 12 & 63];
        text[len++] = left > 1 ? BASE64[bits >> 6 & 63] : '=';
        text[len++] = left > 2 ? BASE64[bits & 63] : '=';
    }
    sol_log_((const char *)text, len);
    F->event_len = 0;
}
