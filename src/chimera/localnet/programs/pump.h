/* What pump.fun's curve and PumpSwap have in common: the fee schedule, recipients, and making accounts. */
#pragma once
#define ACCOUNTS_MAX 40
#define METAS_MAX 20
#define CPI_DATA_MAX 512
#define EVENT_MAX 1024
#include "token.h"

static const u64 WSOL[4] = {/* So11111111111111111111111111111111111111112 */
    0x8481abfe57889b06ULL, 0x35c01846637f68fbULL, 0x553beb1adc39c4daULL, 0x0100000000f0a098ULL};
static const u64 NATIVE_2022[4] = {/* 9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXejP */
    0xb8e65fde9ffc0d83ULL, 0x8a1ee976a4047caaULL, 0x19fa90ad4a26bbc6ULL, 0x5e5b3e5cd849dfc9ULL};
static const u64 USDC[4] = {/* EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v */
    0x3aaddbbef37afac6ULL, 0x3174c9ab6af3653dULL, 0xe4e0f6d2c2e4bbb1ULL, 0x615d2f450302a67cULL};
static const u64 FEE_PROGRAM[4] = {/* pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ */
    0x568e5a05a9ff350cULL, 0x27155607bcf7a88dULL, 0x00401fa42cc9f14cULL, 0x707cc214a46a519cULL};
static const u64 CURVE_PROGRAM[4] = {/* 6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P */
    0xcf5a6693f6e05601ULL, 0xaa5b17bf6815db44ULL, 0x3bffd2f597cb8951ULL, 0xb0186dfdb62b5d65ULL};
static const u64 SWAP_PROGRAM[4] = {/* pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA */
    0x76c65e82fcde140cULL, 0x654065bb18082594ULL, 0xb471d556318d29f4ULL, 0x63a8e9180c09f8d4ULL};

#define FEE_CONFIG 0x9b4c7bdbbb92348fULL
#define USER_VOLUME 0xfa9a35660e70ff56ULL
#define IX_CREATE_POOL 0xbc4068cf8ed192e9ULL
#define USER_VOLUME_LEN 137
#define WHOLE_SUPPLY 1000000000000000ULL

/* FeeConfig: its length tells the version. Fees are three u64 in hundredths of a percent. */
#define FEES_FLAT 41
#define FEES_TIERS 65
#define FEES_LEN 24
#define TIER_LEN 40 /* market cap u128, then fees */
#define FEES_WITH_STABLE 4073
#define FEES_WITH_EXOTIC 4097

typedef struct {
    u64 lp, protocol, creator;
} Fees;

INLINE void read_fees(const u8 *at, Fees *out) {
    out->lp = U64(at, 0);
    out->protocol = U64(at, 8);
    out->creator = U64(at, 16);
}

/* The last tier that the market cap reaches, else the first; an empty schedule is an invariant broken. */
NOINLINE void read_tier(const u8 *vector, const Wide *market_cap, Fees *out) {
    u64 count = U32(vector, 0);
    if (count == 0) abort();
    for (u64 i = count; i > 0; i--) {
        const u8 *tier = vector + 4 + (i - 1) * TIER_LEN;
        Wide from = {U64(tier, 8), U64(tier, 0)};
        if (!wide_less(*market_cap, from) || i == 1) {
            read_fees(tier + 16, out);
            return;
        }
    }
}

/* What a trade pays. `market_cap` only matters to canonical pools and curves. */
NOINLINE u64 schedule(const Account *config, const u8 *quote_mint, const Wide *market_cap, bool canonical, Fees *out) {
    REQUIRE(same_key(config->owner, FEE_PROGRAM), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(config->data_len > FEES_TIERS + 4 && U64(config->data, 0) == FEE_CONFIG, DISCRIMINATOR_MISMATCH);
    const u8 *tiers = config->data + FEES_TIERS, *stable = tiers + 4 + U32(tiers, 0) * TIER_LEN;
    read_fees(config->data + FEES_FLAT, out);
    if (!canonical) return 0;
    bool with_stable = config->data_len >= FEES_WITH_STABLE && U32(stable, 0) > 0;
    if (same_key(quote_mint, SYSTEM) || same_key(quote_mint, WSOL) || same_key(quote_mint, NATIVE_2022)) {
        read_tier(tiers, market_cap, out);
    } else if (same_key(quote_mint, USDC)) {
        read_tier(with_stable ? stable : tiers, market_cap, out);
    } else if (config->data_len >= FEES_WITH_EXOTIC) {
        const u8 *exotic = stable + 4 + U32(stable, 0) * TIER_LEN;
        if (U64(exotic, 0) | U64(exotic, 8) | U64(exotic, 16)) read_fees(exotic, out);
    }
    return 0;
}

INLINE u64 fee_of(u64 amount, u64 bps) { return mul_div_ceil(amount, bps, ONE_IN_BPS); }

INLINE u64 fees_of(u64 amount, const Fees *fees) {
    return fee_of(amount, fees->lp) + fee_of(amount, fees->protocol) + fee_of(amount, fees->creator);
}

/* What a sum leaves for the curve; the roundings of the fees are taken off it. */
NOINLINE u64 net_of(u64 spendable, const Fees *fees) {
    u64 net = mul_div_floor(spendable, ONE_IN_BPS, ONE_IN_BPS + fees->lp + fees->protocol + fees->creator);
    u64 with_fees = checked_add(net, fees_of(net, fees));
    return with_fees > spendable ? checked_sub(net, with_fees - spendable) : net;
}

/* Whether the key is one of `count` in a row; empty places are nobody's. */
NOINLINE bool is_listed(const u8 *key, const u8 *list, u64 count) {
    if (same_key(key, SYSTEM)) return false;
    for (u64 i = 0; i < count; i++)
        if (same_key(key, list + 32 * i)) return true;
    return false;
}

/* Rent for 128 + space bytes. The threshold is a float; the network has only ever used powers of two. */
NOINLINE u64 rent_minimum(u64 space) {
    Rent rent;
    sol_get_rent_sysvar(&rent);
    u64 exponent = rent.exemption_threshold >> 52;
    if (rent.exemption_threshold << 12 != 0 || exponent < 1023 || exponent > 1033) abort();
    return (128 + space) * rent.lamports_per_byte_year << (exponent - 1023);
}

/* Fills the frame's seeds with a PDA of this program and returns their number; its key is the frame's address. */
NOINLINE u64 find(const char *tag, u64 tag_len, const u8 *key) {
    u64 n = 1;
    seed(0, tag, tag_len);
    if (key) seed(n++, key, 32);
    F->bump = 0;
    if (sol_try_find_program_address(F->seeds, n, F->program, (u8 *)F->address, (u8 *)&F->bump) != 0) abort();
    seed(n, &F->bump, 1);
    return n + 1;
}
#define FIND(tag, key) find(tag, sizeof(tag) - 1, key)

/* System transfer. `seeds`: how many of the frame's seeds sign for the payer; 0 where he signed himself. */
NOINLINE void pay(const Account *from, const Account *to, u64 lamports, u64 seeds) {
    if (lamports == 0) return;
    U32(F->cpi_data, 0) = 2;
    U64(F->cpi_data, 4) = lamports;
    meta(0, from, true, true);
    meta(1, to, true, false);
    invoke((u8 *)SYSTEM, 2, 12, seeds);
}

/* Creates `target`, which signs by the frame's first `seeds` seeds or itself; what it holds already counts. */
NOINLINE void create_account(const Account *payer, const Account *target, u64 space, const void *owner, u64 seeds) {
    u64 needed = rent_minimum(space), held = *target->lamports;
    if (held == 0) {
        meta(0, payer, true, true);
        meta(1, target, true, true);
        U32(F->cpi_data, 0) = 0;
        U64(F->cpi_data, 4) = needed;
        U64(F->cpi_data, 12) = space;
        copy_key((u8 *)F->cpi_data + 20, owner);
        invoke((u8 *)SYSTEM, 2, 52, seeds);
        return;
    }
    if (needed > held) pay(payer, target, needed - held, 0);
    meta(0, target, true, true);
    U32(F->cpi_data, 0) = 8;
    U64(F->cpi_data, 4) = space;
    invoke((u8 *)SYSTEM, 1, 12, seeds);
    U32(F->cpi_data, 0) = 1;
    copy_key((u8 *)F->cpi_data + 4, owner);
    invoke((u8 *)SYSTEM, 1, 36, seeds);
}

/* Creates the owner's associated account; the six accounts lie in the frame in the order of the real program's. */
NOINLINE void create_associated(const Account *const *six, u64 seeds) {
    meta(0, six[0], true, true);
    for (u64 i = 1; i < 6; i++) meta(i, six[i], i == 1, false);
    U8(F->cpi_data, 0) = 0;
    invoke((u8 *)ASSOCIATED_TOKEN, 6, 1, seeds);
}

/* Creates the user's volume account at his cost where he has none yet. Volumes themselves are not counted. */
NOINLINE u64 ensure_volume(const Account *user, const Account *volume) {
    u64 seeds = FIND("user_volume_accumulator", user->key);
    REQUIRE(same_key(F->address, volume->key), CONSTRAINT_SEEDS);
    if (!same_key(volume->owner, SYSTEM)) return 0;
    create_account(user, volume, USER_VOLUME_LEN, F->program, seeds);
    U64(volume->data, 0) = USER_VOLUME;
    copy_key(volume->data + 8, user->key);
    return 0;
}

NOINLINE void event_bytes(const u8 *bytes, u64 len) {
    for (u64 i = 0; i < len; i++) U8(F->event, F->event_len + i) = bytes[i];
    F->event_len += len;
}

/* A borsh string. */
INLINE void event_text(const char *text, u64 len) {
    U32(F->event, F->event_len) = len;
    F->event_len += 4;
    event_bytes((const u8 *)text, len);
}
#define EVENT_TEXT(text) event_text(text, sizeof(text) - 1)
