/* What a C program needs to run on Solana's virtual machine: types, syscalls, the input's shape, one CPI frame.
 *
 * Knows nothing of any venue. The machine's limits, which the shapes below answer to: at most five arguments
 * a function, no writable globals, small stack frames (so scratch lives in one struct at the heap's start),
 * no 128-bit integers, no signed division, no floats. Unaligned loads and stores are fine.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef _Bool bool;
#define true 1
#define false 0

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline, unused)) /* no program uses all of the headers */

#define U8(p, at) (*(u8 *)((u8 *)(p) + (at)))
#define U16(p, at) (*(u16 *)((u8 *)(p) + (at)))
#define U32(p, at) (*(u32 *)((u8 *)(p) + (at)))
#define U64(p, at) (*(u64 *)((u8 *)(p) + (at)))

/* Room in the frame; a program that needs more says so before it includes this. */
#ifndef ACCOUNTS_MAX
#define ACCOUNTS_MAX 24
#endif
#ifndef METAS_MAX
#define METAS_MAX 8
#endif
#ifndef CPI_DATA_MAX
#define CPI_DATA_MAX 64
#endif
#ifndef EVENT_MAX
#define EVENT_MAX 256
#endif
#define ACCOUNT_GROWTH 10240 /* bytes that the loader leaves behind every account's data */

/* The C ABI's account, as sol_invoke_signed_c reads it. */
typedef struct {
    u8 *key;
    u64 *lamports;
    u64 data_len;
    u8 *data;
    u8 *owner;
    u64 rent_epoch;
    bool is_signer;
    bool is_writable;
    bool executable;
} Account;

typedef struct {
    u8 *key;
    bool is_writable;
    bool is_signer;
} Meta;

typedef struct {
    u8 *program;
    Meta *metas;
    u64 metas_len;
    u8 *data;
    u64 data_len;
} Instruction;

typedef struct {
    const u8 *addr;
    u64 len;
} Slice;

typedef struct {
    Slice *seeds;
    u64 len;
} SignerSeeds;

typedef struct {
    u64 slot;
    i64 epoch_start;
    u64 epoch;
    u64 leader_schedule_epoch;
    i64 unix_timestamp;
} Clock;

typedef struct {
    u64 lamports_per_byte_year;
    u64 exemption_threshold; /* the bits of an f64 */
    u8 burn_percent;
} Rent;

/* All scratch memory. The heap starts zeroed and is ours alone for the length of one instruction. */
typedef struct {
    u64 accounts_len;
    Account accounts[ACCOUNTS_MAX];
    u8 *data;
    u64 data_len;
    u8 *program;
    Clock clock;
    Instruction cpi;
    Meta metas[METAS_MAX];
    u64 cpi_data[CPI_DATA_MAX / 8];
    Slice seeds[6];
    SignerSeeds signer;
    u64 address[4];
    u64 bump;
    Slice log;
    u64 event[EVENT_MAX / 8];
    u64 event_len;
} Frame;

#define F ((Frame *)0x300000000ULL)
#define ACCOUNT(i) (&F->accounts[i])

extern void abort(void) __attribute__((noreturn));
extern u64 sol_log_(const char *, u64);
extern u64 sol_log_data(const Slice *, u64);
extern u64 sol_invoke_signed_c(const Instruction *, const Account *, u64, const SignerSeeds *, u64);
extern u64 sol_get_clock_sysvar(Clock *);
extern u64 sol_get_rent_sysvar(Rent *);
extern u64 sol_try_find_program_address(const Slice *, u64, const u8 *, u8 *, u8 *);

#define LOG(text) sol_log_("" text, sizeof(text) - 1)

INLINE bool same_key(const void *a, const void *b) {
    return U64(a, 0) == U64(b, 0) && U64(a, 8) == U64(b, 8) && U64(a, 16) == U64(b, 16) && U64(a, 24) == U64(b, 24);
}

INLINE void copy_key(void *to, const void *from) {
    U64(to, 0) = U64(from, 0);
    U64(to, 8) = U64(from, 8);
    U64(to, 16) = U64(from, 16);
    U64(to, 24) = U64(from, 24);
}

/* Whether a sorts before b, compared byte by byte from the first. */
INLINE bool key_before(const u8 *a, const u8 *b) {
    for (u64 i = 0; i < 32; i++)
        if (a[i] != b[i]) return a[i] < b[i];
    return false;
}

/* The account's size now: a CPI may have created it, and the machine then rewrites the word before the data. */
INLINE u64 data_len(const Account *account) { return U64(account->data, -8); }

/* Reads the loader's serialised input into the frame; aborts on more accounts than we have room for. */
INLINE void read_input(u8 *input) {
    u64 n = U64(input, 0);
    if (n > ACCOUNTS_MAX) abort();
    F->accounts_len = n;
    input += 8;
    for (u64 i = 0; i < n; i++) {
        Account *account = ACCOUNT(i);
        u8 duplicate_of = input[0];
        if (duplicate_of != 0xff) {
            *account = F->accounts[duplicate_of];
            input += 8;
            continue;
        }
        account->is_signer = input[1] != 0;
        account->is_writable = input[2] != 0;
        account->executable = input[3] != 0;
        account->key = input + 8;
        account->owner = input + 40;
        account->lamports = (u64 *)(input + 72);
        account->data_len = U64(input, 80);
        account->data = input + 88;
        input += 88 + account->data_len + ACCOUNT_GROWTH;
        input += (8 - ((u64)input & 7)) & 7;
        account->rent_epoch = U64(input, 0);
        input += 8;
    }
    F->data_len = U64(input, 0);
    F->data = input + 8;
    F->program = F->data + F->data_len;
}

INLINE void meta(u64 i, const Account *account, bool is_writable, bool is_signer) {
    F->metas[i].key = account->key;
    F->metas[i].is_writable = is_writable;
    F->metas[i].is_signer = is_signer;
}

INLINE void seed(u64 i, const void *addr, u64 len) {
    F->seeds[i].addr = addr;
    F->seeds[i].len = len;
}

/* Calls `program` with the metas and the data already in the frame, signing for the PDA of the frame's first
 * `seeds` seeds (none: 0). A failed call ends the transaction, so there is nothing to return. */
NOINLINE void invoke(u8 *program, u64 metas, u64 bytes, u64 seeds) {
    F->cpi.program = program;
    F->cpi.metas = F->metas;
    F->cpi.metas_len = metas;
    F->cpi.data = (u8 *)F->cpi_data;
    F->cpi.data_len = bytes;
    F->signer.seeds = F->seeds;
    F->signer.len = seeds;
    sol_invoke_signed_c(&F->cpi, F->accounts, F->accounts_len, &F->signer, seeds != 0);
}

/* Events are built field by field, little-endian and packed, then logged as one slice. */
INLINE void event_u8(u8 value) { U8(F->event, F->event_len) = value, F->event_len += 1; }
INLINE void event_u64(u64 value) { U64(F->event, F->event_len) = value, F->event_len += 8; }
INLINE void event_key(const void *key) { copy_key((u8 *)F->event + F->event_len, key), F->event_len += 32; }
INLINE void event_emit(void) {
    F->log.addr = (u8 *)F->event;
    F->log.len = F->event_len;
    sol_log_data(&F->log, 1);
}
