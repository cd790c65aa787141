/* create and create_v2: a new coin, all of it in its curve's hands. */
#pragma once
#include "state.h"

typedef struct {
    u8 count, mint, authority, curve, vault, global, user, token_program;
} CreatePlaces;

static const CreatePlaces CREATE = {14, 0, 1, 2, 3, 4, 7, 9};
static const CreatePlaces CREATE_V2 = {16, 0, 1, 2, 3, 4, 5, 7};

#define DECIMALS 6
#define METADATA_POINTER_LEN 64
#define METADATA_FIXED 72 /* header, update authority, mint, the length of no further fields */
#define METADATA_INITIALIZE 0x8d4db858a21ee1d2ULL

/* Three borsh strings one behind the other. */
typedef struct {
    u8 *at;
    u64 bytes;
} Texts;

/* Advances over one string of at most `most` bytes; 0 where the data ends before. */
INLINE u64 skip_text(u64 at, u64 most, u64 too_long, u64 *failure) {
    if (at + 4 > F->data_len || U32(F->data, at) > F->data_len - at - 4) {
        *failure = INSTRUCTION_DID_NOT_DESERIALIZE;
        return at;
    }
    if (U32(F->data, at) > most && *failure == 0) *failure = too_long;
    return at + 4 + U32(F->data, at);
}

NOINLINE u64 read_texts(Texts *texts) {
    u64 failure = 0, at = 8;
    at = skip_text(at, 32, 6043, &failure);
    if (failure == 0) at = skip_text(at, 13, 6044, &failure);
    if (failure == 0) at = skip_text(at, 200, 6045, &failure);
    texts->at = F->data + 8;
    texts->bytes = at - 8;
    return failure;
}

NOINLINE void initialize_mint(const CreatePlaces *at, const Texts *texts) {
    const Account *mint = ACCOUNT(at->mint), *authority = ACCOUNT(at->authority), *user = ACCOUNT(at->user);
    u8 *program = ACCOUNT(at->token_program)->key;
    bool newer = same_key(program, TOKEN_2022);
    /* The metadata is appended later, by the token program: its rent has to lie there before. */
    u64 space = newer ? EXTENSIONS + 4 + METADATA_POINTER_LEN : MINT_LEN;
    create_account(user, mint, space, program, 0);
    if (newer) {
        pay(user, mint, rent_minimum(space + METADATA_FIXED + texts->bytes) - rent_minimum(space), 0);
        U8(F->cpi_data, 0) = 39; /* MetadataPointer, Initialize: authority and address */
        U8(F->cpi_data, 1) = 0;
        copy_key((u8 *)F->cpi_data + 2, authority->key);
        copy_key((u8 *)F->cpi_data + 34, mint->key);
        meta(0, mint, true, false);
        invoke(program, 1, 66, 0);
    }
    U8(F->cpi_data, 0) = 20; /* InitializeMint2: decimals, mint authority, no freeze authority */
    U8(F->cpi_data, 1) = DECIMALS;
    copy_key((u8 *)F->cpi_data + 2, authority->key);
    U8(F->cpi_data, 34) = 0;
    meta(0, mint, true, false);
    invoke(program, 1, 35, 0);
    if (!newer) return; /* the older coin's metadata belongs to Metaplex, which the embedded chain lacks */
    u64 seeds = FIND("mint-authority", 0);
    U64(F->cpi_data, 0) = METADATA_INITIALIZE;
    for (u64 i = 0; i < texts->bytes; i++) U8(F->cpi_data, 8 + i) = texts->at[i];
    meta(0, mint, true, false);
    meta(1, authority, false, false);
    meta(2, mint, false, false);
    meta(3, authority, false, true);
    invoke(program, 4, 8 + texts->bytes, seeds);
}

/* The whole supply goes to the curve, and nobody can ever mint again. */
NOINLINE void mint_supply(const CreatePlaces *at, u64 supply) {
    const Account *mint = ACCOUNT(at->mint), *authority = ACCOUNT(at->authority), *program = ACCOUNT(at->token_program);
    u64 seeds = FIND("mint-authority", 0);
    change_supply(MINT_TO, mint, ACCOUNT(at->vault), authority, program, supply, seeds);
    U8(F->cpi_data, 0) = 6; /* SetAuthority, of minting, to nobody */
    U8(F->cpi_data, 1) = 0;
    U8(F->cpi_data, 2) = 0;
    meta(0, mint, true, false);
    meta(1, authority, false, true);
    invoke(program->key, 2, 3, seeds);
}

NOINLINE void tell_creation(const CreatePlaces *at, const Texts *texts) {
    u8 *curve = ACCOUNT(at->curve)->data;
    F->event_len = 0;
    event_u64(CREATE_EVENT);
    event_bytes(texts->at, texts->bytes);
    event_key(ACCOUNT(at->mint)->key);
    event_key(ACCOUNT(at->curve)->key);
    event_key(ACCOUNT(at->user)->key);
    event_key(curve + C_CREATOR);
    event_u64(F->clock.unix_timestamp);
    event_u64(U64(curve, C_VIRTUAL_TOKENS));
    event_u64(U64(curve, C_VIRTUAL_QUOTE));
    event_u64(U64(curve, C_REAL_TOKENS));
    event_u64(U64(curve, C_SUPPLY));
    event_key(ACCOUNT(at->token_program)->key);
    event_u8(0);
    event_u8(0);
    event_key(SYSTEM);
    event_u64(U64(curve, C_VIRTUAL_QUOTE));
    event_u64(0);
    event_u8(0);
    event_emit();
}

NOINLINE u64 create(const CreatePlaces *at, bool newer) {
    REQUIRE(F->accounts_len >= at->count, NOT_ENOUGH_KEYS);
    const Account *mint = ACCOUNT(at->mint), *curve = ACCOUNT(at->curve), *user = ACCOUNT(at->user);
    const Account *global = ACCOUNT(at->global), *program = ACCOUNT(at->token_program);
    Texts texts;
    CHECK(read_texts(&texts));
    u64 rest = 8 + texts.bytes;
    REQUIRE(F->data_len >= rest + (newer ? 33 : 32), INSTRUCTION_DID_NOT_DESERIALIZE);
    const u8 *creator = F->data + rest;
    REQUIRE(mint->is_signer && user->is_signer, NOT_SIGNER);
    REQUIRE(mint->is_writable && curve->is_writable && user->is_writable, CONSTRAINT_MUT);
    REQUIRE(same_key(program->key, newer ? TOKEN_2022 : TOKEN), INVALID_PROGRAM_ID);
    CHECK(check_global(global));
    FIND("mint-authority", 0);
    REQUIRE(same_key(F->address, ACCOUNT(at->authority)->key), CONSTRAINT_SEEDS);
    if (same_key(creator, SYSTEM)) FAIL(6030, "CreatorShouldNotBeZero", "Creator should not be zero");
    if (newer) {
        if (!U8(global->data, G_CREATE_V2_ENABLED)) FAIL(6046, "CreateV2Disabled", "");
        if (U8(creator, 32)) FAIL(6048, "MayhemModeDisabled", "");
        if (F->data_len > rest + 33 && U8(creator, 33))
            FAIL(6082, "CashbackDeprecated", "Cashback coins can no longer be created");
        if (F->accounts_len > at->count && !same_key(ACCOUNT(at->count)->key, WSOL))
            FAIL(6063, "UnsupportedQuoteMint", "Unsupported quote mint");
    }

    initialize_mint(at, &texts);
    u64 seeds = FIND("bonding-curve", mint->key);
    REQUIRE(same_key(F->address, curve->key), CONSTRAINT_SEEDS);
    create_account(user, curve, CURVE_LEN, F->program, seeds);
    const Account *six[6] = {user, ACCOUNT(at->vault), curve, mint, ACCOUNT(at->user + 1), program};
    create_associated(six, 0);
    mint_supply(at, U64(global->data, G_SUPPLY));

    u8 *state = curve->data;
    U64(state, 0) = BONDING_CURVE;
    U64(state, C_VIRTUAL_TOKENS) = U64(global->data, G_VIRTUAL_TOKENS);
    U64(state, C_VIRTUAL_QUOTE) = U64(global->data, G_VIRTUAL_QUOTE);
    U64(state, C_REAL_TOKENS) = U64(global->data, G_REAL_TOKENS);
    U64(state, C_SUPPLY) = U64(global->data, G_SUPPLY);
    copy_key(state + C_CREATOR, creator);
    tell_creation(at, &texts);
    return 0;
}
