/* Integers of 256 bits, as the real program's U256: what would not fit aborts, as its unwraps do. */
#pragma once
#include "../wide.h"

typedef struct {
    u64 w[4]; /* lowest first */
} Big;

INLINE Big big(u64 value) {
    Big out = {{value, 0, 0, 0}};
    return out;
}

/* A u128 as accounts hold it, on any address. */
INLINE Big big_at(const u8 *data, u64 at) {
    Big out = {{U64(data, at), U64(data, at + 8), 0, 0}};
    return out;
}

NOINLINE void put_u128(u8 *data, u64 at, const Big *value) {
    if (value->w[2] | value->w[3]) abort();
    U64(data, at) = value->w[0], U64(data, at + 8) = value->w[1];
}

NOINLINE u64 as_u64(const Big *a) {
    if (a->w[1] | a->w[2] | a->w[3]) abort();
    return a->w[0];
}

NOINLINE bool big_less(const Big *a, const Big *b) {
    for (u64 i = 4; i > 0; i--)
        if (a->w[i - 1] != b->w[i - 1]) return a->w[i - 1] < b->w[i - 1];
    return false;
}

/* a -= b; aborts below zero. */
NOINLINE void big_sub(Big *a, const Big *b) {
    u64 borrow = 0;
    for (u64 i = 0; i < 4; i++) {
        u64 lent = a->w[i] < b->w[i] || (a->w[i] == b->w[i] && borrow);
        a->w[i] = a->w[i] - b->w[i] - borrow;
        borrow = lent;
    }
    if (borrow) abort();
}

/* a *= b */
NOINLINE void big_mul(Big *a, const Big *b) {
    Big out = big(0);
    for (u64 i = 0; i < 4; i++) {
        u64 carry = 0;
        for (u64 j = 0; j < 4; j++) {
            Wide part = wide_mul(a->w[i], b->w[j]);
            if (i + j > 3) {
                if (part.hi | part.lo | carry) abort();
                continue;
            }
            u64 low = part.lo + carry;
            part.hi += low < carry;
            u64 sum = out.w[i + j] + low;
            part.hi += sum < low;
            out.w[i + j] = sum, carry = part.hi;
        }
        if (carry) abort();
    }
    *a = out;
}

INLINE void shift_left(Big *a, u64 low_bit) {
    for (u64 i = 3; i > 0; i--) a->w[i] = a->w[i] << 1 | a->w[i - 1] >> 63;
    a->w[0] = a->w[0] << 1 | low_bit;
}

/* a = floor(a / d) */
NOINLINE void big_div(Big *a, const Big *d) {
    Big rest = big(0);
    u64 top = 4;
    if (!(d->w[0] | d->w[1] | d->w[2] | d->w[3])) abort();
    while (top > 0 && a->w[top - 1] == 0) top--;
    if (!(d->w[1] | d->w[2] | d->w[3]) && d->w[0] >> 32 == 0) {
        u64 left = 0; /* by halves: the machine divides 64 bits */
        for (u64 i = top; i > 0; i--) {
            u64 high = left << 32 | a->w[i - 1] >> 32;
            u64 low = high % d->w[0] << 32 | (a->w[i - 1] & 0xffffffff);
            a->w[i - 1] = high / d->w[0] << 32 | low / d->w[0];
            left = low % d->w[0];
        }
        return;
    }
    for (u64 bit = top * 64; bit > 0; bit--) {
        u64 *word = &a->w[(bit - 1) >> 6], at = (bit - 1) & 63;
        if (rest.w[3] >> 63) abort();
        shift_left(&rest, *word >> at & 1);
        *word &= ~(1ULL << at);
        if (!big_less(&rest, d)) {
            big_sub(&rest, d);
            *word |= 1ULL << at;
        }
    }
}

/* a = floor(sqrt(a)), two bits of a at a time. */
NOINLINE void big_root(Big *a) {
    Big rest = big(0), root = big(0);
    for (u64 pair = 128; pair > 0; pair--) {
        u64 at = (pair - 1) * 2, bits = a->w[at >> 6] >> (at & 63) & 3;
        shift_left(&rest, bits >> 1);
        shift_left(&rest, bits & 1);
        shift_left(&root, 0);
        Big trial = root;
        shift_left(&trial, 1);
        if (!big_less(&rest, &trial)) {
            big_sub(&rest, &trial);
            root.w[0] |= 1;
        }
    }
    *a = root;
}

/* floor(a * b / c) into a */
NOINLINE void big_mul_div(Big *a, u64 b, u64 c) {
    Big factor = big(b), divisor = big(c);
    big_mul(a, &factor);
    big_div(a, &divisor);
}
