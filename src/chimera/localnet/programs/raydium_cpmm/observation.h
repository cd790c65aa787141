/* The oracle that each swap feeds: time-weighted prices, one record at most every 15 seconds. */
#pragma once
#include "state.h"

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
