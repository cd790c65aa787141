/* Integers beyond 64 bits, with no help from the compiler: products, quotients and roots with their rounding. */
#pragma once
#include "sbpf.h"

typedef struct {
    u64 hi;
    u64 lo;
} Wide;

typedef struct {
    Wide value;
    bool exact; /* nothing was rounded off */
} Quotient;

/* a * b, always exact. */
INLINE Wide wide_mul(u64 a, u64 b) {
    u64 a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    u64 low = a0 * b0, mid = a1 * b0 + (low >> 32), mid2 = a0 * b1 + (mid & 0xffffffff);
    Wide out = {a1 * b1 + (mid >> 32) + (mid2 >> 32), (mid2 << 32) | (low & 0xffffffff)};
    return out;
}

INLINE bool wide_less(Wide a, Wide b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); }

/* floor(n / d); aborts where d is 0, as the real programs' unwraps do. */
NOINLINE void wide_div(const Wide *n, u64 d, Quotient *out) {
    if (d == 0) abort();
    u64 hi = n->hi / d, rest = n->hi % d, lo = n->lo;
    if (rest == 0) {
        out->value.hi = hi;
        out->value.lo = lo / d;
        out->exact = lo % d == 0;
        return;
    }
    for (u64 i = 0; i < 64; i++) {
        bool carry = rest >> 63;
        rest = rest << 1 | lo >> 63;
        lo <<= 1;
        if (carry || rest >= d) {
            rest -= d;
            lo |= 1;
        }
    }
    out->value.hi = hi;
    out->value.lo = lo;
    out->exact = rest == 0;
}

/* floor(a * b / c) as u64; aborts where c is 0 or the result does not fit. */
NOINLINE u64 mul_div_floor(u64 a, u64 b, u64 c) {
    Wide product = wide_mul(a, b);
    Quotient quotient;
    wide_div(&product, c, &quotient);
    if (quotient.value.hi != 0) abort();
    return quotient.value.lo;
}

/* ceil(a * b / c) as u64; aborts where c is 0 or the result does not fit. */
NOINLINE u64 mul_div_ceil(u64 a, u64 b, u64 c) {
    Wide product = wide_mul(a, b);
    Quotient quotient;
    wide_div(&product, c, &quotient);
    if (quotient.value.hi != 0 || (!quotient.exact && quotient.value.lo + 1 == 0)) abort();
    return quotient.value.lo + !quotient.exact;
}

INLINE u64 checked_add(u64 a, u64 b) {
    if (a + b < a) abort();
    return a + b;
}

INLINE u64 checked_sub(u64 a, u64 b) {
    if (b > a) abort();
    return a - b;
}

/* floor(sqrt(a * b)): the product's root always fits u64. */
NOINLINE u64 root_of_product(u64 a, u64 b) {
    Wide n = wide_mul(a, b);
    u64 root = 0;
    for (u64 bit = 1ULL << 63; bit != 0; bit >>= 1) {
        u64 candidate = root | bit;
        if (!wide_less(n, wide_mul(candidate, candidate))) root = candidate;
    }
    return root;
}
