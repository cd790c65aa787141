/* Raydium CPMM's interface, spoken by a program of our own for the embedded chain.
 *
 * swap_base_input, swap_base_output, initialize, deposit and withdraw with the real account lists, layouts, fees,
 * roundings, events and error numbers; where the real program panics, this one aborts. Not spoken: the admin's
 * instructions, fee collection, initialize_with_permission, and the whitelist of four Token-2022 mints.
 * Facts: the published source of raydium-cp-swap at 609780f and the real binary's answers in the test vectors.
 */
#include "token.h"

#define IX_SWAP_BASE_INPUT 0xde331ec4da5abe8fULL
#define IX_SWAP_BASE_OUTPUT 0xadb44aa35662d937ULL
#define IX_INITIALIZE 0xed9b980d1f6dafafULL
#define IX_DEPOSIT 0xb6f2e15289c623f2ULL
#define IX_WITHDRAW 0x22a16d949c4612b7ULL
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

/* ---- observation ---- */

/* Adds price * seconds to both cumulative prices of `record`, starting from `last`'s. Wraps, as the real one does. */
INLINE u64 accumulate(u8 *record, const u8 *last, const Quotient *price, u64 seconds, u64 at) {
    Wide low = wide_mul(price->value.lo, seconds), high = wide_mul(price->value.hi, seconds);
    u64 hi = low.hi + high.lo;
    if (high.hi != 0 || hi < low.hi) FAIL(6011, "MathOverflow", "Math overflow");
    u64 before = U64(last, at);
    U64(record, at + 8) = U64(last, at + 8) + hi + (before + low.lo < before);
    U64(record, at) = before + low.lo;
    return 0;
}

NOINLINE u64 observe(const Account *account, const Quotient *price_0, const Quotient *price_1) {
    u8 *state = account->data;
    u64 now = F->clock.unix_timestamp, index = U16(state, O_INDEX);
    if (index >= RECORDS) abort();
    u8 *last = state + O_RECORDS + index * RECORD_LEN;
    if (!U8(state, O_INITIALIZED)) {
        U8(state, O_INITIALIZED) = 1;
        U64(last, 0) = now;
        U64(last, 8) = U64(last, 16) = U64(last, 24) = U64(last, 32) = 0;
        U64(state, O_UPDATED) = now;
        return 0;
    }
    u64 recorded = U64(last, 0);
    /* accounts older than the field have a zero there */
    if (U64(state, O_UPDATED) == 0) U64(state, O_UPDATED) = recorded;
    u64 updated = U64(state, O_UPDATED);
    if (now <= updated || now <= recorded) return 0;
    u8 *record = last;
    if (now - recorded >= RECORD_SECONDS) {
        index = index == RECORDS - 1 ? 0 : index + 1;
        record = state + O_RECORDS + index * RECORD_LEN;
        U64(record, 0) = now;
        U16(state, O_INDEX) = index;
    }
    CHECK(accumulate(record, last, price_0, now - updated, 8));
    CHECK(accumulate(record, last, price_1, now - updated, 24));
    U64(state, O_UPDATED) = now;
    return 0;
}

/* ---- swap ---- */

enum {
    S_PAYER, S_AUTHORITY, S_CONFIG, S_POOL, S_USER_IN, S_USER_OUT, S_VAULT_IN, S_VAULT_OUT, S_PROGRAM_IN, S_PROGRAM_OUT,
    S_MINT_IN, S_MINT_OUT, S_OBSERVATION, SWAP_ACCOUNTS,
};

INLINE u64 check_swap_accounts(void) {
    REQUIRE(F->accounts_len >= SWAP_ACCOUNTS, NOT_ENOUGH_KEYS);
    const Account *config = ACCOUNT(S_CONFIG), *observation = ACCOUNT(S_OBSERVATION);
    REQUIRE(ACCOUNT(S_PAYER)->is_signer, NOT_SIGNER);
    REQUIRE(same_key(config->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(config->data_len >= C_CREATOR + 8 && U64(config->data, 0) == AMM_CONFIG, DISCRIMINATOR_MISMATCH);
    CHECK(check_pool(ACCOUNT(S_POOL)));
    for (u64 i = S_USER_IN; i <= S_VAULT_OUT; i++) CHECK(check_token_account(ACCOUNT(i)));
    REQUIRE(is_token_program(ACCOUNT(S_PROGRAM_IN)->key), INVALID_PROGRAM_ID);
    REQUIRE(is_token_program(ACCOUNT(S_PROGRAM_OUT)->key), INVALID_PROGRAM_ID);
    CHECK(check_mint(ACCOUNT(S_MINT_IN)));
    CHECK(check_mint(ACCOUNT(S_MINT_OUT)));
    REQUIRE(same_key(observation->owner, F->program), OWNED_BY_WRONG_PROGRAM);
    REQUIRE(observation->data_len >= OBSERVATION_LEN && U64(observation->data, 0) == OBSERVATION_STATE,
            DISCRIMINATOR_MISMATCH);

    u8 *pool = ACCOUNT(S_POOL)->data;
    REQUIRE(same_key(ACCOUNT(S_AUTHORITY)->key, AUTHORITY), CONSTRAINT_SEEDS);
    REQUIRE(same_key(config->key, pool + P_CONFIG), CONSTRAINT_ADDRESS);
    for (u64 i = S_POOL; i <= S_VAULT_OUT; i++) REQUIRE(ACCOUNT(i)->is_writable, CONSTRAINT_MUT);
    for (u64 i = S_VAULT_IN; i <= S_VAULT_OUT; i++)
        REQUIRE(same_key(ACCOUNT(i)->key, pool + P_VAULT_0) || same_key(ACCOUNT(i)->key, pool + P_VAULT_1),
                CONSTRAINT_RAW);
    REQUIRE(same_key(ACCOUNT(S_MINT_IN)->key, ACCOUNT(S_VAULT_IN)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(same_key(ACCOUNT(S_MINT_OUT)->key, ACCOUNT(S_VAULT_OUT)->data + TOKEN_MINT), CONSTRAINT_ADDRESS);
    REQUIRE(observation->is_writable, CONSTRAINT_MUT);
    REQUIRE(same_key(observation->key, pool + P_OBSERVATION), CONSTRAINT_ADDRESS);
    return 0;
}

/* One trade against the curve. Amounts without transfer fees: `in` is what reaches the vault, `out` what leaves it. */
typedef struct {
    u64 reserve_in, reserve_out;
    u64 trade_rate, creator_rate;
    bool creator_on_input;
    u64 in, out;
    u64 trade_fee, creator_fee;
} Trade;

/* Splits one fee, rounded up as a whole, into the creator's (rounded down) and the trade's. */
INLINE u64 split_input_fee(Trade *t, u64 total) {
    u64 rate = t->trade_rate + t->creator_rate;
    if (rate == 0) ZERO_TRADING_TOKENS(); /* the real program's division by nothing ends here */
    t->creator_fee = mul_div_floor(total, t->creator_rate, rate);
    t->trade_fee = total - t->creator_fee;
    return 0;
}

NOINLINE u64 trade_exact_in(Trade *t) {
    u64 fee = mul_div_ceil(t->in, t->trade_rate + (t->creator_on_input ? t->creator_rate : 0), RATE);
    if (t->creator_on_input) CHECK(split_input_fee(t, fee))
    else t->trade_fee = fee;
    if (fee > t->in) ZERO_TRADING_TOKENS();
    u64 traded = t->in - fee;
    /* A sum beyond u64 aborts here; the real program, with wider integers, fails later, as the vault overflows. */
    t->out = mul_div_floor(traded, t->reserve_out, checked_add(t->reserve_in, traded));
    if (!t->creator_on_input) {
        t->creator_fee = mul_div_ceil(t->out, t->creator_rate, RATE);
        if (t->creator_fee > t->out) ZERO_TRADING_TOKENS();
        t->out -= t->creator_fee;
    }
    return 0;
}

INLINE u64 before_fee(u64 amount, u64 rate) {
    return rate == 0 ? amount : mul_div_ceil(amount, RATE, checked_sub(RATE, rate));
}

NOINLINE u64 trade_exact_out(Trade *t) {
    u64 leaving = t->out;
    if (!t->creator_on_input) {
        if (t->creator_rate >= RATE) ZERO_TRADING_TOKENS();
        leaving = before_fee(t->out, t->creator_rate);
        t->creator_fee = leaving - t->out;
    }
    u64 traded = mul_div_ceil(t->reserve_in, leaving, checked_sub(t->reserve_out, leaving));
    t->in = before_fee(traded, t->trade_rate + (t->creator_on_input ? t->creator_rate : 0));
    if (t->creator_on_input) CHECK(split_input_fee(t, t->in - traded))
    else t->trade_fee = t->in - traded;
    return 0;
}

INLINE void add_to(u8 *pool, u64 at, u64 amount) { U64(pool, at) = checked_add(U64(pool, at), amount); }

NOINLINE u64 swap(bool base_input) {
    REQUIRE(F->data_len >= 24, INSTRUCTION_DID_NOT_DESERIALIZE);
    CHECK(check_swap_accounts());
    u64 first = U64(F->data, 8), second = U64(F->data, 16);
    Account *vault_in = ACCOUNT(S_VAULT_IN), *vault_out = ACCOUNT(S_VAULT_OUT);
    Account *mint_in = ACCOUNT(S_MINT_IN), *mint_out = ACCOUNT(S_MINT_OUT);
    u8 *pool = ACCOUNT(S_POOL)->data, *config = ACCOUNT(S_CONFIG)->data;

    if (!base_input) REQUIRE(second > 0, REQUIRE_GT_VIOLATED);
    if (U8(pool, P_STATUS) & STATUS_NO_SWAP || (u64)F->clock.unix_timestamp < U64(pool, P_OPEN_TIME)) NOT_APPROVED();

    Trade t;
    u64 fee_in = 0, fee_out = 0;
    if (base_input) {
        fee_in = transfer_fee(mint_in, first);
        t.in = first > fee_in ? first - fee_in : 0;
        REQUIRE(t.in > 0, REQUIRE_GT_VIOLATED);
    } else {
        fee_out = transfer_fee_inverse(mint_out, second);
        t.out = checked_add(second, fee_out);
    }

    bool zero_for_one = same_key(vault_in->key, pool + P_VAULT_0);
    if (same_key(vault_in->key, vault_out->key)) FAIL(6008, "InvalidVault", "invaild vault");
    CHECK(reserve(vault_in, pool, zero_for_one, &t.reserve_in));
    CHECK(reserve(vault_out, pool, !zero_for_one, &t.reserve_out));

    /* prices before the trade, Q32: numerators are the other reserve shifted by 32 bits */
    u64 reserve_0 = zero_for_one ? t.reserve_in : t.reserve_out, reserve_1 = zero_for_one ? t.reserve_out : t.reserve_in;
    Quotient price_0, price_1;
    Wide scaled = {reserve_1 >> 32, reserve_1 << 32};
    wide_div(&scaled, reserve_0, &price_0);
    scaled.hi = reserve_0 >> 32, scaled.lo = reserve_0 << 32;
    wide_div(&scaled, reserve_1, &price_1);

    u8 mode = U8(pool, P_CREATOR_FEE_ON);
    if (mode > 2) FAIL(6013, "InvalidFeeModel", "Invalid fee model");
    t.creator_on_input = mode == 0 || (mode == 1) == zero_for_one;
    t.trade_rate = U64(config, C_TRADE);
    t.creator_rate = U8(pool, P_CREATOR_FEE_ENABLED) ? U64(config, C_CREATOR) : 0;
    checked_add(t.trade_rate, t.creator_rate);

    u64 sent, leaving;
    if (base_input) {
        CHECK(trade_exact_in(&t));
        sent = first, leaving = t.out;
        fee_out = transfer_fee(mint_out, leaving);
        u64 received = checked_sub(leaving, fee_out);
        REQUIRE(received > 0, REQUIRE_GT_VIOLATED);
        if (received < second) EXCEEDED_SLIPPAGE();
    } else {
        CHECK(trade_exact_out(&t));
        REQUIRE(t.in > 0, REQUIRE_GT_VIOLATED);
        fee_in = transfer_fee_inverse(mint_in, t.in);
        sent = checked_add(t.in, fee_in), leaving = t.out;
        if (first < sent) EXCEEDED_SLIPPAGE();
    }

    add_to(pool, zero_for_one ? P_PROTOCOL_0 : P_PROTOCOL_1, mul_div_floor(t.trade_fee, U64(config, C_PROTOCOL), RATE));
    add_to(pool, zero_for_one ? P_FUND_0 : P_FUND_1, mul_div_floor(t.trade_fee, U64(config, C_FUND), RATE));
    add_to(pool, t.creator_on_input == zero_for_one ? P_CREATOR_0 : P_CREATOR_1, t.creator_fee);

    event_u64(SWAP_EVENT);
    event_key(ACCOUNT(S_POOL)->key);
    event_u64(t.reserve_in);
    event_u64(t.reserve_out);
    event_u64(t.in);
    event_u64(t.out);
    event_u64(fee_in);
    event_u64(fee_out);
    event_u8(base_input);
    event_key(mint_in->key);
    event_key(mint_out->key);
    event_u64(t.trade_fee);
    event_u64(t.creator_fee);
    event_u8(t.creator_on_input);
    event_emit();

    transfer_checked(ACCOUNT(S_USER_IN), mint_in, vault_in, ACCOUNT(S_PAYER), ACCOUNT(S_PROGRAM_IN), sent, 0);
    transfer_checked(vault_out, mint_out, ACCOUNT(S_USER_OUT), ACCOUNT(S_AUTHORITY), ACCOUNT(S_PROGRAM_OUT), leaving,
                     sign_as_authority(pool));
    CHECK(observe(ACCOUNT(S_OBSERVATION), &price_0, &price_1));
    U64(pool, P_EPOCH) = F->clock.epoch;
    return 0;
}

/* ---- deposit and withdraw ---- */

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

/* ---- initialize ---- */

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

u64 entrypoint(u8 *input) {
    read_input(input);
    REQUIRE(F->data_len >= 8, FALLBACK_NOT_FOUND);
    sol_get_clock_sysvar(&F->clock);
    switch (U64(F->data, 0)) {
    case IX_SWAP_BASE_INPUT:
        LOG("Instruction: SwapBaseInput");
        return swap(true);
    case IX_SWAP_BASE_OUTPUT:
        LOG("Instruction: SwapBaseOutput");
        return swap(false);
    case IX_INITIALIZE:
        LOG("Instruction: Initialize");
        return initialize();
    case IX_DEPOSIT:
        LOG("Instruction: Deposit");
        return change_liquidity(true);
    case IX_WITHDRAW:
        LOG("Instruction: Withdraw");
        return change_liquidity(false);
    }
    return FALLBACK_NOT_FOUND;
}
