// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/rules.ts by `make codegen`: change that, not this. */
#include "format.h"

const char * const pfs_rule_names[] = {
	"none",
	"arithmetic-overflow",
	"message-too-large",
	"message-truncated",
	"message-segments",
	"message-trailing-bytes",
	"root-missing",
	"pointer-out-of-bounds",
	"pointer-kind",
	"far-pointer-segment",
	"far-pointer-out-of-bounds",
	"far-pointer-chain",
	"far-pointer-tag",
	"list-element-size",
	"list-tag",
	"traversal-limit",
};

const bool pfs_rule_unsupported[] = {
	[PFS_RULE_NONE] = false,
	[PFS_RULE_MESSAGE_TOO_LARGE] = true,
	[PFS_RULE_MESSAGE_SEGMENTS] = true,
	[PFS_RULE_COUNT] = false,
};
