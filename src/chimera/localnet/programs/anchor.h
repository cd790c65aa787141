/* What programs written with Anchor answer: its error numbers, in its order of checks, and its log lines. */
#pragma once
#include "sbpf.h"

enum {
    FALLBACK_NOT_FOUND = 101,
    INSTRUCTION_DID_NOT_DESERIALIZE = 102,
    CONSTRAINT_MUT = 2000,
    CONSTRAINT_RAW = 2003,
    CONSTRAINT_SEEDS = 2006,
    CONSTRAINT_ADDRESS = 2012,
    CONSTRAINT_TOKEN_MINT = 2014,
    CONSTRAINT_TOKEN_OWNER = 2015,
    CONSTRAINT_MINT_TOKEN_PROGRAM = 2022,
    REQUIRE_GT_VIOLATED = 2505,
    REQUIRE_GTE_VIOLATED = 2506,
    DISCRIMINATOR_MISMATCH = 3002,
    DID_NOT_DESERIALIZE = 3003,
    NOT_ENOUGH_KEYS = 3005,
    NOT_MUTABLE = 3006,
    OWNED_BY_WRONG_PROGRAM = 3007,
    INVALID_PROGRAM_ID = 3008,
    NOT_SIGNER = 3010,
};

/* Logs as Anchor does and returns the number, to be returned from the instruction. */
#define FAIL(number, name, message)                                                                                  \
    return LOG("AnchorError occurred. Error Code: " name ". Error Number: " #number ". Error Message: " message "."), \
           number

#define REQUIRE(condition, number) \
    if (!(condition)) return number
#define CHECK(call)               \
    {                             \
        u64 failure = (call);     \
        if (failure) return failure; \
    }
