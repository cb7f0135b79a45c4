/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) in plain C: the emulated processors have no instructions for it. */
#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	unsigned char block[64];
};

void sha256_start(struct sha256 *self);
void sha256_update(struct sha256 *self, const unsigned char *bytes, size_t length);
void sha256_finish(struct sha256 *self, unsigned char digest[32]);
