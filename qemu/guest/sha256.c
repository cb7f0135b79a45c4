// SPDX-License-Identifier: Apache-2.0
#include "sha256.h"
#include <string.h>

/* Fractional parts of the cube roots of the first 64 primes, 4.2.2. */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

/* One round; the caller rotates the roles of the eight words instead of moving them. */
static inline void step(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g, uint32_t *h,
			uint32_t input)
{
	uint32_t t1 = *h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + input;

	*d += t1;
	*h = t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
}

static void compress(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64];
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	for (int i = 0; i < 16; i++) {
		uint32_t word;

		memcpy(&word, block + 4 * i, sizeof(word));
		w[i] = __builtin_bswap32(word);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	for (int i = 0; i < 64; i += 8) {
		step(a, b, c, &d, e, f, g, &h, constants[i] + w[i]);
		step(h, a, b, &c, d, e, f, &g, constants[i + 1] + w[i + 1]);
		step(g, h, a, &b, c, d, e, &f, constants[i + 2] + w[i + 2]);
		step(f, g, h, &a, b, c, d, &e, constants[i + 3] + w[i + 3]);
		step(e, f, g, &h, a, b, c, &d, constants[i + 4] + w[i + 4]);
		step(d, e, f, &g, h, a, b, &c, constants[i + 5] + w[i + 5]);
		step(c, d, e, &f, g, h, a, &b, constants[i + 6] + w[i + 6]);
		step(b, c, d, &e, f, g, h, &a, constants[i + 7] + w[i + 7]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

void sha256_start(struct sha256 *self)
{
	static const uint32_t initial[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(self->state, initial, sizeof(initial));
	self->length = 0;
}

void sha256_update(struct sha256 *self, const unsigned char *bytes, size_t length)
{
	size_t held = self->length % 64;

	self->length += length;
	if (held) {
		size_t more = 64 - held < length ? 64 - held : length;

		memcpy(self->block + held, bytes, more);
		bytes += more;
		length -= more;
		if (held + more < 64)
			return;
		compress(self->state, self->block);
	}
	for (; length >= 64; bytes += 64, length -= 64)
		compress(self->state, bytes);
	memcpy(self->block, bytes, length);
}

void sha256_finish(struct sha256 *self, unsigned char digest[32])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = self->length * 8;
	unsigned char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = bits >> (56 - 8 * i);
	sha256_update(self, padding, 1 + (119 - self->length % 64) % 64);
	sha256_update(self, length, 8);
	for (int i = 0; i < 32; i++)
		digest[i] = self->state[i / 4] >> (24 - 8 * (i % 4));
}
