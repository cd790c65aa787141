/* SPL Token and Token-2022 as programs meet them: layouts, the transfer fee, and the calls that move tokens. */
#pragma once
#include "anchor.h"
#include "wide.h"

static const u64 TOKEN[4] = {/* TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA */
    0x93a165d7e1f6dd06ULL, 0xac79ebce46e1cbd9ULL, 0x91375b5fed85b41cULL, 0xa900ff7e85f58c3aULL};
static const u64 TOKEN_2022[4] = {/* TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb */
    0xde8f75eee1f6dd06ULL, 0xdacd6ce4bc5d4218ULL, 0x270db9834dfc1ab6ULL, 0xfc8ba1d828f9bdfeULL};
static const u64 ASSOCIATED_TOKEN[4] = {/* ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL */
    0xf189244e8f25978cULL, 0x830d8e1429103dbbULL, 0x8410ffda99135a0bULL, 0x59f8e9dbd87b8e04ULL};
static const u64 SYSTEM[4] = {0, 0, 0, 0};

#define MINT_LEN 82
#define MINT_DECIMALS 44
#define MINT_INITIALIZED 45
#define TOKEN_LEN 165
#define TOKEN_MINT 0
#define TOKEN_OWNER 32
#define TOKEN_AMOUNT 64
#define TOKEN_STATE 108
#define ACCOUNT_TYPE 165 /* Token-2022: 1 mint, 2 token account; extensions follow as type, length, value */
#define EXTENSIONS 166

#define EXT_TRANSFER_FEE_CONFIG 1
#define EXT_INTEREST_BEARING 10
#define EXT_METADATA_POINTER 18
#define EXT_TOKEN_METADATA 19
#define EXT_SCALED_UI_AMOUNT 25

/* TransferFeeConfig: two authorities and the withheld amount, then two (epoch, maximum, bps) records. */
#define FEE_OLDER 72
#define FEE_NEWER 90
#define FEE_MAXIMUM 8
#define FEE_BPS 16
#define ONE_IN_BPS 10000

INLINE bool is_token_program(const void *key) { return same_key(key, TOKEN) || same_key(key, TOKEN_2022); }

NOINLINE u64 check_token_account(const Account *account) {
    REQUIRE(is_token_program(account->owner), OWNED_BY_WRONG_PROGRAM);
    u64 len = data_len(account);
    REQUIRE(len == TOKEN_LEN || (len > ACCOUNT_TYPE && U8(account->data, ACCOUNT_TYPE) == 2), DID_NOT_DESERIALIZE);
    REQUIRE(U8(account->data, TOKEN_STATE) != 0, DID_NOT_DESERIALIZE);
    return 0;
}

NOINLINE u64 check_mint(const Account *account) {
    REQUIRE(is_token_program(account->owner), OWNED_BY_WRONG_PROGRAM);
    u64 len = data_len(account);
    REQUIRE(len == MINT_LEN || (len > ACCOUNT_TYPE && U8(account->data, ACCOUNT_TYPE) == 1), DID_NOT_DESERIALIZE);
    REQUIRE(U8(account->data, MINT_INITIALIZED) == 1, DID_NOT_DESERIALIZE);
    return 0;
}

INLINE u64 amount_of(const Account *account) { return U64(account->data, TOKEN_AMOUNT); }

/* The extension's value, or null. A mint of the older program has none. */
NOINLINE u8 *extension(const Account *mint, u16 wanted) {
    u64 len = data_len(mint), at = EXTENSIONS;
    if (!same_key(mint->owner, TOKEN_2022)) return 0;
    while (at + 4 <= len) {
        u16 type = U16(mint->data, at);
        if (type == 0) return 0;
        if (type == wanted) return mint->data + at + 4;
        at += 4 + U16(mint->data, at + 2);
    }
    return 0;
}

/* The fee record that is in force in this epoch, or null. */
NOINLINE u8 *fee_in_force(const Account *mint) {
    u8 *config = extension(mint, EXT_TRANSFER_FEE_CONFIG);
    if (!config) return 0;
    return config + (F->clock.epoch >= U64(config, FEE_NEWER) ? FEE_NEWER : FEE_OLDER);
}

NOINLINE u64 fee_on(const u8 *fee, u64 amount) {
    u64 charged = mul_div_ceil(amount, U16(fee, FEE_BPS), ONE_IN_BPS);
    return charged < U64(fee, FEE_MAXIMUM) ? charged : U64(fee, FEE_MAXIMUM);
}

/* What the token program withholds when `amount` is sent. */
NOINLINE u64 transfer_fee(const Account *mint, u64 amount) {
    u8 *fee = fee_in_force(mint);
    return fee ? fee_on(fee, amount) : 0;
}

/* What must be added so that `amount` arrives. */
NOINLINE u64 transfer_fee_inverse(const Account *mint, u64 amount) {
    u8 *fee = fee_in_force(mint);
    if (!fee) return 0;
    u64 bps = U16(fee, FEE_BPS), maximum = U64(fee, FEE_MAXIMUM);
    if (bps == ONE_IN_BPS) return maximum;
    if (bps == 0) return 0;
    Wide scaled = wide_mul(amount, ONE_IN_BPS);
    Quotient before;
    wide_div(&scaled, ONE_IN_BPS - bps, &before);
    u64 sent = before.value.lo + !before.exact;
    /* beyond u64 the difference is beyond any maximum too */
    if (before.value.hi != 0 || sent < amount || sent - amount >= maximum) sent = checked_add(amount, maximum);
    return fee_on(fee, sent);
}

/* TransferChecked. `seeds`: how many of the frame's seeds sign for the authority; 0 where it signed itself. */
NOINLINE void transfer(const Account *from, const Account *mint, const Account *to, u64 amount) {
    U8(F->cpi_data, 0) = 12;
    U64(F->cpi_data, 1) = amount;
    U8(F->cpi_data, 9) = U8(mint->data, MINT_DECIMALS);
    meta(0, from, true, false);
    meta(1, mint, false, false);
    meta(2, to, true, false);
}

INLINE void transfer_checked(const Account *from, const Account *mint, const Account *to, const Account *authority,
                             const Account *program, u64 amount, u64 seeds) {
    if (amount == 0) return;
    transfer(from, mint, to, amount);
    meta(3, authority, false, true);
    invoke(program->key, 4, 10, seeds);
}

/* MintTo and Burn share their shape; they differ in number and in which account is written first. */
INLINE void change_supply(u8 number, const Account *first, const Account *second, const Account *authority,
                          const Account *program, u64 amount, u64 seeds) {
    U8(F->cpi_data, 0) = number;
    U64(F->cpi_data, 1) = amount;
    meta(0, first, true, false);
    meta(1, second, true, false);
    meta(2, authority, false, true);
    invoke(program->key, 3, 9, seeds);
}
#define MINT_TO 7
#define BURN 8
